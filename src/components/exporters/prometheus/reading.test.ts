import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { referenceParse } from '../../../formats/prometheus/scrape/reference-parser.test.ts';
import { OPEN_METRICS, series, type SeriesText, serving, typed } from './fixture.test.ts';

/** Text with all that is escaped, and characters of every length. */
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    '_',
    '.',
    ':',
    '"',
    '\\',
    '\n',
    '\r',
    ' ',
    '{',
    '}',
    ',',
    '=',
    'ß',
    '…',
    '😀',
    '1',
  ),
  minLength: 1,
  maxLength: 6,
});
const labels = fc.dictionary(text, text, { maxKeys: 4 });
const value = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 1e21, 5e-324, 2 ** 63),
);
const anySeries = fc.record({ name: text, labels, value });

/** A label set as one text, whatever the order of its labels; there is no | in them. */
function keyOf(pairs: readonly string[]): string {
  return pairs.toSorted((a, b) => (a < b ? -1 : 1)).join('|');
}

for (const [format, accept, isStrict] of [
  ['text 1.0.0', 'text/plain; version=1.0.0; escaping=allow-utf-8', false],
  ['OpenMetrics', OPEN_METRICS, true],
] as const) {
  test(`MAP-31: whatever names and values hold, ${format} is read as it was`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anySeries, { minLength: 1, maxLength: 8 }), async (all) => {
        const given = new Map<string, number>();
        const batch: SeriesText[] = [];
        for (const { name, labels: own, value: one } of all) {
          const whole = series(name, own, one, typed(2, name));
          const key = keyOf(Object.entries(whole.labels).map(([label, of]) => `${label}=${of}`));
          if (given.has(key)) continue;
          given.set(key, one);
          batch.push(whole);
        }
        const { take, ask } = await serving(t, { enable_open_metrics: true });
        await take(batch);
        const page = new Uint8Array(await (await ask(accept)).arrayBuffer());
        const read = referenceParse(page, isStrict);
        assert.ok(read !== undefined, Buffer.from(page).toString());
        const found = new Map(read.map((one) => [keyOf(one.labels.split('|')), one.value]));
        assert.equal(read.length, given.size);
        assert.deepEqual(found, given);
      }),
      { numRuns: 100 },
    );
  });
}
