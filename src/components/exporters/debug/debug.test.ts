import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Batch, batchOf } from '../../../contract/batch.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { DebugExporter } from './exporter.ts';
import { settings } from './settings.ts';

const ORIGIN = { receiver: 'otlp', tenant: 'acme', receivedAt: 0, metadata: {} };

function spanBatch(name: string): Batch {
  const json = { resourceSpans: [{ scopeSpans: [{ spans: [{ name, kind: 2 }] }] }] };
  const bytes = decodeJson('traces', Buffer.from(JSON.stringify(json)));
  return batchOf(bytes, 1, { signal: 'traces', form: 'otlp', origin: ORIGIN });
}

/** Sends batches at the given times, in milliseconds; answers what was written. */
async function written(section: object, times: readonly number[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-debug-'));
  const path = join(folder, 'out.txt');
  let now = 0;
  const clock = { now: () => now, after: () => () => {} };
  const exporter = new DebugExporter(settings.parse({ output_paths: [path], ...section }), {
    clock,
  });
  await exporter.start();
  for (const [index, time] of times.entries()) {
    now = time;
    assert.deepEqual(await exporter.send(spanBatch(`span ${index}`)), { kind: 'accepted' });
  }
  await exporter.stop();
  await exporter.stop();
  const text = readFileSync(path, 'utf8');
  rmSync(folder, { recursive: true });
  return text;
}

test('basic is one line per batch', async () => {
  const text = await written({}, [0]);
  assert.equal(text, '1970-01-01T00:00:00.000Z traces: 1 span, 16 bytes, from otlp, tenant acme\n');
});

test('normal is a line per item and detailed has every field', async () => {
  assert.match(await written({ verbosity: 'normal' }, [0]), /\n {6}span "span 0" server /);
  assert.match(
    await written({ verbosity: 'detailed' }, [0]),
    /\n {8}name: span 0\n {8}kind: server/,
  );
});

test('the first of every second are written, then every n-th', async () => {
  const section = { verbosity: 'normal', sampling_initial: 2, sampling_thereafter: 3 };
  const text = await written(section, [0, 1, 2, 3, 4, 5, 6, 7, 1500]);
  const names = [...text.matchAll(/"span (\d)"/g)].map((match) => Number(match[1]));
  assert.deepEqual(names, [0, 1, 4, 7, 8]);
  const none = await written({ ...section, sampling_thereafter: 0 }, [0, 1, 2, 3]);
  assert.equal(none.match(/"span/g)?.length, 2);
});

test('an empty section has the defaults and an unknown key is a mistake', () => {
  assert.deepEqual(settings.parse(null), {
    verbosity: 'basic',
    samplingInitial: 2,
    samplingThereafter: 1,
    outputPaths: ['stdout'],
  });
  assert.equal(settings.safeParse({ loglevel: 'debug' }).success, false);
});
