import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import protobuf from 'protobufjs';
import type { Bytes } from '../../src/contract/batch.ts';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { SeriesRewriter } from '../../src/formats/prometheus/relabel/rewrite.ts';
import { compile, labels, rule } from './relabel-cases.ts';
import { type ModelRule, relabelByTheBook } from './relabel-model.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');
const CACHE_BYTES = 1 << 20;

type Labels = Readonly<Record<string, string>>;

function listOf(given: Labels) {
  return Object.entries(given).map(([each, text]) => ({ name: each, value: text }));
}

/** One series per label set as the form has it, with the index as its time. */
function encode(sets: readonly Labels[]): Bytes {
  const timeseries = sets.map((set, index) => ({
    labels: listOf({ ...set, __name__: set['__name__'] || 'up' })
      .filter((label) => label.value !== '')
      .toSorted((left, right) => Buffer.compare(Buffer.from(left.name), Buffer.from(right.name))),
    samples: [{ value: index, timestamp: index + 1 }],
  }));
  return Uint8Array.from(REQUEST.encode(REQUEST.fromObject({ timeseries })).finish());
}

function decode(bytes: Bytes): unknown {
  const request = REQUEST.toObject(REQUEST.decode(bytes), { arrays: true, longs: Number });
  return (
    request['timeseries'] as {
      labels: { name: string; value: string }[];
      samples: { timestamp: number }[];
    }[]
  ).map(({ labels: list, samples }) => [
    samples[0]?.timestamp,
    list.map((label) => [label.name, label.value]),
  ]);
}

/** The model maps whole texts to upper case, where a sharp s becomes two letters. */
const isAboutCase = (rules: readonly ModelRule[]) =>
  rules.some(({ action }) => action === 'uppercase');

test('rules do to a list of labels what they do by the book', () => {
  fc.assert(
    fc.property(labels, fc.array(rule, { minLength: 1, maxLength: 4 }), (given, rules) => {
      fc.pre(!(isAboutCase(rules) && JSON.stringify(given).includes('ß')));
      const result = compile(rules).relabel(listOf(given));
      const plain = result && Object.fromEntries(result.map((each) => [each.name, each.value]));
      assert.deepEqual(plain, relabelByTheBook(given, rules));
    }),
    { numRuns: 3000 },
  );
});

test('series on the wire become what their labels become by the book, known or not', () => {
  const sets = fc.array(labels, { maxLength: 5 });
  fc.assert(
    fc.property(sets, fc.array(rule, { minLength: 1, maxLength: 4 }), (given, rules) => {
      fc.pre(!(isAboutCase(rules) && JSON.stringify(given).includes('ß')));
      const rewriter = new SeriesRewriter(compile(rules), CACHE_BYTES);
      const chunk = encode(given);
      const before = Buffer.from(chunk);
      const expected = expectedSeries(given, rules);
      for (let round = 0; round < 2; round++) {
        const { bytes, dropped, nameless } = rewriter.rewrite(chunk);
        assert.deepEqual(decode(bytes), expected);
        assert.equal(expected.length + dropped + nameless, given.length);
        assert(before.equals(chunk), 'the chunk is not written to');
      }
    }),
    { numRuns: 1500 },
  );
});

function expectedSeries(given: readonly Labels[], rules: readonly ModelRule[]) {
  return given.flatMap((set, index) => {
    const result = relabelByTheBook({ ...set, __name__: set['__name__'] || 'up' }, rules);
    if (result?.['__name__'] === undefined) return [];
    const sorted = Object.entries(result).toSorted(([left], [right]) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)),
    );
    return [[index + 1, sorted]];
  });
}

test('an explanation ends where the rules end', () => {
  fc.assert(
    fc.property(labels, fc.array(rule, { minLength: 1, maxLength: 4 }), (given, rules) => {
      const compiled = compile(rules);
      const { after, steps } = compiled.explain(listOf(given));
      assert.deepEqual(after, compiled.relabel(listOf(given)));
      assert.equal(steps.at(-1)?.dropped, after === undefined);
      const isLast = steps.every((step, index) => !step.dropped || index === steps.length - 1);
      assert(isLast);
    }),
  );
});
