import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from './index.ts';
import { settings } from './settings.ts';

test('an empty section has the defaults of the OpenTelemetry Collector', () => {
  assert.deepEqual(definition.batching(settings.parse(null)), {
    flushTimeoutMs: 200,
    minSize: 8192,
    maxSize: 0,
    sizer: 'items',
    metadataKeys: [],
  });
});

test('metadata keys are compared in lower case', () => {
  const config = settings.parse({ metadata_keys: ['X-Tenant'], timeout: '1s' });
  assert.deepEqual(config.metadataKeys, ['x-tenant']);
  assert.equal(config.timeoutMs, 1000);
  const twice = settings.safeParse({ metadata_keys: ['a', 'A'] });
  assert.match(twice.error?.issues[0]?.message ?? '', /a is listed twice/);
});

test('a maximum below the size is a mistake', () => {
  const parsed = settings.safeParse({ send_batch_size: 100, send_batch_max_size: 50 });
  assert.match(parsed.error?.issues[0]?.message ?? '', /at least send_batch_size \(100\)/);
});

test('validate says where batching happens, and how all of it is written there', () => {
  const note = (raw: unknown) => definition.notes(settings.parse(raw))[0] ?? '';
  assert.match(note({}), /sending queues of the exporters/);
  assert.match(note({}), /batch \{flush_timeout: 200ms, min_size: 8192\}$/);
  assert.match(
    note({ send_batch_size: 100, send_batch_max_size: 110, metadata_keys: ['X-Tenant'] }),
    /min_size: 100, max_size: 110, partition: \{metadata_keys: \[x-tenant\]\}\}$/,
  );
});
