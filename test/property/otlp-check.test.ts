import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Signal } from '../../src/contract/batch.ts';
import { ROOTS, TABLE, validateRequest } from '../../src/formats/otlp/validate.ts';
import { countItems } from '../../src/formats/otlp/walk.ts';
import { type Checker, ReferenceChecker } from '../../src/wire/checker.ts';
import { FieldCursor } from '../../src/wire/cursor.ts';
import { WireError } from '../../src/wire/error.ts';
import { KernelChecker, loadKernel } from '../../src/wire/kernel.ts';
import { decode, generateRequest, Random, SIGNALS } from './otlp-requests.ts';

const reference = new ReferenceChecker(TABLE);
const module = loadKernel(new URL('../../src/wire/kernel.wasm', import.meta.url));
assert.ok(module, 'the kernel is not built: run node scripts/build-kernel.mjs');
const kernel = new KernelChecker(TABLE, module);

const ANY = { unknown: true, disorder: true, overlap: true };
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom(...SIGNALS);

/** What a checker says, as something to compare. */
function verdict(checker: Checker, signal: Signal, bytes: Uint8Array): string {
  try {
    const { items, unsound } = checker.check(ROOTS[signal], bytes);
    return `${items} items, ${unsound} unsound`;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.message;
  }
}

/** The same bytes inside a larger buffer of bytes that would spoil any field they got into. */
function poisoned(bytes: Uint8Array): Uint8Array {
  const large = new Uint8Array(bytes.length + 64).fill(0xff);
  large.set(bytes, 32);
  return large.subarray(32, 32 + bytes.length);
}

/** Both checkers on the bytes as they are and amid poison: one verdict, whatever it is. */
function agree(signal: Signal, bytes: Uint8Array): string {
  const one = verdict(reference, signal, poisoned(bytes));
  assert.equal(verdict(kernel, signal, bytes), one);
  return one;
}

describe('checking requests to the leaves', () => {
  it('accepts every generated request and counts what protobufjs decodes', () => {
    fc.assert(
      fc.property(signals, seeds, fc.boolean(), (signal, seed, unknown) => {
        const bytes = generateRequest(signal, seed, { unknown });
        const { items } = validateRequest(signal, bytes);
        assert.equal(items, countDecoded(decode(signal, bytes)));
        assert.equal(countItems(signal, bytes), items);
        agree(signal, bytes);
      }),
      { numRuns: 600 },
    );
  });

  it('accepts fields in any order, in parts, and members of a oneof side by side', () => {
    fc.assert(
      fc.property(signals, seeds, (signal, seed) => {
        const bytes = generateRequest(signal, seed, ANY);
        assert.match(agree(signal, bytes), /items/);
        assert.equal(validateRequest(signal, bytes).items, countItems(signal, bytes));
      }),
      { numRuns: 600 },
    );
  });

  it('answers every prefix of a valid request with a count or a wire error', () => {
    for (let seed = 0; seed < 25; seed++) {
      for (const signal of SIGNALS) {
        const bytes = generateRequest(signal, seed, ANY);
        const step = bytes.length > 2_000 ? 17 : 1;
        for (let end = 0; end < bytes.length; end += step) agree(signal, bytes.subarray(0, end));
      }
    }
  });

  it('answers 100000 mutations with a count or a wire error, and cursors stay inside', () => {
    const random = new Random(20_260_101);
    let refused = 0;
    for (let made = 0; made < 100_000; ) {
      const signal = random.pick(SIGNALS);
      const bytes = generateRequest(signal, random.next(2 ** 31), {
        unknown: true,
        disorder: true,
      });
      if (bytes.length === 0 || bytes.length > 3_000) continue;
      for (let each = 0; each < 200; each++, made++) {
        const mutant = mutate(bytes, random);
        if (!agree(signal, mutant).includes('items')) refused++;
        walkAll(mutant);
      }
    }
    assert.ok(refused > 30_000 && refused < 99_000, `${refused} of 100000 were refused`);
  });
});

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const mutant = Uint8Array.from(bytes);
  for (let left = 1 + random.next(3); left > 0; left--) {
    const at = random.next(mutant.length);
    switch (random.next(4)) {
      case 0:
        mutant[at] = random.next(256);
        break;
      case 1:
        mutant[at]! ^= 1 << random.next(8);
        break;
      case 2:
        mutant.copyWithin(at, random.next(mutant.length), random.next(mutant.length));
        break;
      default:
        mutant[at] = random.pick([0, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x0b, 0x0c]);
    }
  }
  return random.next(4) === 0 ? mutant.subarray(0, random.next(mutant.length)) : mutant;
}

/** Steps over the fields, with a cursor that must stop or throw before the message ends. */
function walkAll(bytes: Uint8Array): void {
  const cursor = new FieldCursor().enter(bytes);
  try {
    for (let before = 0; cursor.next(); before = cursor.end) {
      assert.ok(cursor.tagStart === before && cursor.end > before && cursor.end <= bytes.length);
      assert.ok(cursor.start > cursor.tagStart && cursor.start <= cursor.end);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
}

const LISTS = /^(spans|logRecords|dataPoints)$/;
const BRANCHES =
  /^(resource|scope)(Spans|Metrics|Logs)$|^(metrics|gauge|sum|histogram|summary|exponentialHistogram)$/;

function countDecoded(value: unknown): number {
  let count = 0;
  for (const [key, inner] of Object.entries(value as Record<string, unknown>)) {
    if (LISTS.test(key)) count += (inner as unknown[]).length;
    else if (BRANCHES.test(key))
      for (const each of Array.isArray(inner) ? inner : [inner]) count += countDecoded(each);
  }
  return count;
}
