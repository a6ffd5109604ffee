import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinChunks, type Signal } from '../../src/contract/batch.ts';
import { QueuedDelivery } from '../../src/engine/delivery/delivery.ts';
import { splitInForm } from '../../src/engine/generation/split.ts';
import { countItems } from '../../src/formats/otlp/walk.ts';
import { decode, generateRequest, type Plain, SIGNALS } from '../property/otlp-requests.ts';
import { Account, Backend, batch, settings, stand } from './ends.ts';

/** Every item of a request with all that surrounds it, as text. */
function itemsOf(signal: Signal, bytes: Uint8Array): string[] {
  const found: string[] = [];
  const visit = (value: Plain, path: readonly string[], around: readonly unknown[]): void => {
    const [name, ...rest] = path;
    for (const [field, inside] of Object.entries(value)) {
      if (name === undefined || !name.split('|').includes(field)) continue;
      const { [field]: _, ...own } = value;
      for (const each of (Array.isArray(inside) ? inside : [inside]) as Plain[]) {
        if (rest.length === 0) found.push(JSON.stringify([...around, own, each]));
        else visit(each, rest, [...around, own]);
      }
    }
  };
  const points = ['metrics', 'gauge|sum|histogram|exponentialHistogram|summary', 'dataPoints'];
  const paths: Record<Signal, readonly string[]> = {
    traces: ['resourceSpans', 'scopeSpans', 'spans'],
    metrics: ['resourceMetrics', 'scopeMetrics', ...points],
    logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  };
  visit(decode(signal, bytes), paths[signal], []);
  return found;
}

const given = fc.record({
  signal: fc.constantFrom(...SIGNALS),
  seeds: fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1, maxLength: 12 }),
  minSize: fc.integer({ min: 0, max: 20 }),
  maxSize: fc.integer({ min: 20, max: 40 }),
});

test('however requests are joined and cut on their way out, every item arrives as it came', async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ signal, seeds, minSize, maxSize }) => {
      const { context } = stand();
      const backend = new Backend();
      const merging = { flushTimeoutMs: 200, minSize, maxSize, metadataKeys: [] };
      const delivery = new QueuedDelivery(
        settings({ numConsumers: 1, batch: { ...merging, sizer: 'items' } }),
        {
          exporterId: 'x',
          signal,
          exporter: backend,
          context,
          ledger: new Account(),
          maxBytes: 1e9,
          split: splitInForm,
        },
      );
      await delivery.start();
      const wanted: string[] = [];
      for (const seed of seeds) {
        const bytes = generateRequest(signal, seed);
        const items = countItems(signal, bytes);
        if (items === 0) continue;
        const found = itemsOf(signal, bytes);
        assert.equal(found.length, items);
        wanted.push(...found);
        const request = { ...batch({ signal }), chunks: [bytes], byteLength: bytes.length, items };
        await delivery.consume(request);
      }
      await delivery.stop(new AbortController().signal);
      const arrived: string[] = [];
      for (const sent of backend.sent) {
        assert.ok(sent.items <= maxSize);
        const bytes = joinChunks(sent.chunks, sent.byteLength);
        assert.equal(countItems(signal, bytes), sent.items);
        arrived.push(...itemsOf(signal, bytes));
      }
      assert.deepEqual(arrived.toSorted(), wanted.toSorted());
    }),
    { numRuns: 100 },
  );
});
