import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateRequest } from '../../../../test/property/otlp-requests.ts';
import { type Batch, batchOf } from '../../../contract/batch.ts';
import type { TranslationSettings } from '../../../contract/translation.ts';
import { validateRequest } from '../../otlp/validate.ts';
import { attributes, bits, NANOS, otlpRequest, readForm, toPrometheus } from '../fixture.test.ts';
import { OtlpToPrometheus } from './translator.ts';

/** Few keys, so that sources and series meet again. */
const KEYS = ['a', 'a.b', 'service.name'];

function generated(seed: number): Batch {
  const options = { unknown: true, disorder: true, overlap: true, keys: KEYS };
  const bytes = generateRequest('metrics', seed, options);
  const { items } = validateRequest('metrics', bytes);
  const origin = { receiver: 'test', tenant: 'default', receivedAt: 1, metadata: {} };
  return batchOf(bytes, items, { signal: 'metrics', form: 'otlp', origin });
}

/** A point under each of some resources and attributes, which are the same for the same seed. */
function repeating(seed: number, value: number): Batch {
  const point = (index: number) => ({
    timeUnixNano: NANOS,
    asDouble: bits(value),
    attributes: attributes({ point: `${(index * seed) % 7}`, long: 'x'.repeat((index % 3) * 40) }),
  });
  const dataPoints = Array.from({ length: 9 }, (_, index) => point(index));
  return otlpRequest(
    [0, 1, 2].map((index) => ({
      resource: { attributes: attributes({ 'service.name': `s${(index * seed) % 3}` }) },
      scopeMetrics: [{ metrics: [{ name: `m${index % 2}`, gauge: { dataPoints } }] }],
    })),
  );
}

test('a translator that has seen it all writes the bytes of one that has seen nothing', () => {
  for (const settings of [{}, { resourceToTelemetry: true, metadata: 'families' }] as const) {
    const veteran = new OtlpToPrometheus(settings);
    for (let round = 0; round < 2; round++) {
      for (let seed = 0; seed < 150; seed++) {
        for (const batch of [generated(seed), repeating(seed, round)]) {
          const known = toPrometheus(batch, veteran);
          const fresh = toPrometheus(batch, settings);
          assert.deepEqual(known.batch?.chunks, fresh.batch?.chunks);
          assert.deepEqual(known.drops, fresh.drops);
        }
      }
    }
  }
});

test('without start timestamps everything else stays, whatever comes', () => {
  const settings: Partial<TranslationSettings> = { startTimestamps: false };
  for (let seed = 0; seed < 300; seed++) {
    const batch = generated(seed);
    const wanted = toPrometheus(batch).batch;
    const result = toPrometheus(batch, settings).batch;
    assert.equal(result?.items, wanted?.items);
    if (wanted === undefined) continue;
    assert.deepEqual(readForm(result!.chunks[0]!), withoutStarts(readForm(wanted.chunks[0]!)));
  }
});

type Read = ReturnType<typeof readForm>;

function withoutStarts({ series, families }: Read): Read {
  const mend = <T extends object>(list: readonly T[]): T[] =>
    list.map((each) => ({ ...each, start_timestamp: '0' }));
  return {
    series: series.map((each) => ({
      ...each,
      samples: mend(each.samples),
      histograms: mend(each.histograms),
    })),
    families,
  };
}
