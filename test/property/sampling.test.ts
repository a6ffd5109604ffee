import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Bytes } from '../../src/contract/batch.ts';
import { validateRequest } from '../../src/formats/otlp/validate.ts';
import { countItems, RequestWalk } from '../../src/formats/otlp/walk.ts';
import { FieldCursor } from '../../src/wire/cursor.ts';
import { batchWith, sampler } from '../sampling/stand.ts';
import { filterPlain, itemsOf } from './otlp-model.ts';
import { decode, generateRequest } from './otlp-requests.ts';
import { keepSpan } from './sampling-model.ts';

const TRACE_STATE = 3;
const STATES = [
  '',
  'a=b',
  'ot=th:0',
  'ot=th:8',
  'a=b, ot=th:4;x:y ,c=d',
  'ot=x:y',
  'ot=rv:9b8233f7e3a151',
  'ot=rv:9b8233f7e3a151;th:8;k:v',
  'ot=th:c;rv:0b8233f7e3a151',
  'ot=th:C',
  `ot=x:${'y'.repeat(252)}`,
  'not a tracestate',
  'ot=th:8;',
  Array.from({ length: 32 }, (_, index) => `v${index}=1`).join(),
];
const OPTIONS = {
  unknown: true,
  disorder: true,
  keys: ['sampling.priority', 'service.name', 'k', '', 'long.key.'.repeat(16)],
  states: STATES,
};
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const section = fc.record({
  mode: fc.constantFrom('hash_seed' as const, 'proportional' as const, 'equalizing' as const),
  sampling_percentage: fc.constantFrom(0, 1, 10, 50, 90, 100),
  hash_seed: fc.constantFrom(0, 22),
  fail_closed: fc.boolean(),
});

function sample(bytes: Bytes, settings: object) {
  const items = countItems('traces', bytes);
  const { transform, numbers } = sampler(settings);
  const batch = batchWith('traces', bytes, items);
  return { batch, result: transform(batch), numbers, items };
}

/** Each span without its trace_state fields, as hex. */
function spansOf(bytes: Uint8Array): string[] {
  const spans: string[] = [];
  const walk = new RequestWalk().enter(bytes);
  const cursor = new FieldCursor();
  while (walk.nextResource()) {
    while (walk.nextScope()) {
      while (walk.nextRecord()) {
        const parts: Uint8Array[] = [];
        cursor.enter(bytes, walk.record.start, walk.record.end);
        while (cursor.next()) {
          if (cursor.number !== TRACE_STATE)
            parts.push(bytes.subarray(cursor.tagStart, cursor.end));
        }
        spans.push(Buffer.concat(parts).toString('hex'));
      }
    }
  }
  return spans;
}

describe('sampling spans on the wire', () => {
  it('gives what decode, filter, encode gives', () => {
    fc.assert(
      fc.property(seeds, section, (seed, settings) => {
        const bytes = generateRequest('traces', seed, OPTIONS);
        const { result } = sample(bytes, settings);
        const expected = filterPlain(decode('traces', bytes), (span) => keepSpan(span, settings));
        const [chunk] = result?.chunks ?? [];
        if (chunk === undefined) return assert.deepEqual(itemsOf(expected), []);
        assert.deepEqual(decode('traces', chunk), expected);
        validateRequest('traces', chunk);
      }),
      { numRuns: 1500 },
    );
  });

  it('leaves every byte of a kept span as it was, but for its tracestate', () => {
    fc.assert(
      fc.property(seeds, section, (seed, settings) => {
        const bytes = generateRequest('traces', seed, OPTIONS);
        const { result } = sample(bytes, settings);
        const before = spansOf(bytes);
        let from = 0;
        for (const span of spansOf(result?.chunks[0] ?? new Uint8Array(0))) {
          const at = before.indexOf(span, from);
          assert(at >= 0);
          from = at + 1;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('hands on the very same buffer when nothing is dropped or written', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const bytes = generateRequest('traces', seed, { ...OPTIONS, keys: ['k'] });
        const settings = { sampling_percentage: 100, fail_closed: false };
        const { batch, result } = sample(bytes, settings);
        assert.equal(result, batch);
      }),
      { numRuns: 300 },
    );
  });

  it('counts every span once, and 0 % leaves nothing', () => {
    fc.assert(
      fc.property(seeds, section, (seed, settings) => {
        const bytes = generateRequest('traces', seed, OPTIONS);
        const { result, numbers, items } = sample(bytes, settings);
        const kept = numbers.sum('sampler_kept_items');
        assert.equal(kept, result?.items ?? 0);
        assert.equal(kept + numbers.sum('sampler_dropped_items'), items);
        assert.equal(numbers.sum('sampler_seen_items'), items);
        const none = sample(generateRequest('traces', seed, { ...OPTIONS, keys: ['k'] }), {
          ...settings,
          sampling_percentage: 0,
        });
        assert.equal(none.items === 0 || none.result === undefined, true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('sampling log records on the wire', () => {
  it('keeps and counts the same records whatever the mode writes, and stays valid', () => {
    fc.assert(
      fc.property(seeds, section, (seed, settings) => {
        const keys = ['sampling.threshold', 'sampling.randomness', 'share', 'k'];
        const bytes = generateRequest('logs', seed, { ...OPTIONS, keys });
        const items = countItems('logs', bytes);
        const { transform, numbers } = sampler({ ...settings, sampling_priority: 'share' });
        const batch = batchWith('logs', bytes, items);
        const result = transform(batch);
        const kept = numbers.sum('sampler_kept_items');
        assert.equal(kept + numbers.sum('sampler_dropped_items'), items);
        assert.equal(kept, result?.items ?? 0);
        const [chunk] = result?.chunks ?? [];
        if (chunk === undefined) return;
        validateRequest('logs', chunk);
        assert.equal(countItems('logs', chunk), kept);
      }),
      { numRuns: 500 },
    );
  });
});
