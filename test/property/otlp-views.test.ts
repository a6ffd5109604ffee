import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Bytes, Signal } from '../../src/contract/batch.ts';
import { decodeValue, encodeValue } from '../../src/formats/otlp/any-value.ts';
import type { AttributeList } from '../../src/formats/otlp/attributes.ts';
import {
  editItemAttributes,
  editResourceAttributes,
  editScopeAttributes,
} from '../../src/formats/otlp/edit.ts';
import { dropInvalidPoints, filterItems } from '../../src/formats/otlp/filter.ts';
import { splitRequest } from '../../src/formats/otlp/split.ts';
import { validateRequest } from '../../src/formats/otlp/validate.ts';
import { findField } from '../../src/formats/otlp/walk.ts';
import { readFixed64 } from '../../src/wire/varint.ts';
import {
  filterPlain,
  flatten,
  itemsOf,
  markMetrics,
  type Pair,
  resourcesOf,
  scopesOf,
} from './otlp-model.ts';
import { decode, decodeMessage, generateRequest, type Plain, SIGNALS } from './otlp-requests.ts';

const ANY = { unknown: true, disorder: true };
const KEYS = ['', 'k', 'tenant', 'long.key.'.repeat(16)];
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom<Signal>(...SIGNALS);
const keys = fc.constantFrom(...KEYS, 'absent');
const texts = fc.constantFrom('', 'x', 'y'.repeat(300));

function request(signal: Signal, seed: number): Bytes {
  return generateRequest(signal, seed, { ...ANY, keys: KEYS });
}

function reference(signal: Signal, bytes: Uint8Array): Plain {
  return markMetrics(decode(signal, bytes));
}

/** Where attributes live: an edit on the wire, and the same messages in what protobufjs decodes. */
const PLACES = {
  resource: {
    edit: (_: Signal, bytes: Bytes, edit: (attributes: AttributeList) => void) =>
      editResourceAttributes(bytes, edit),
    owners: (plain: Plain) => resourcesOf(plain).map((each) => (each['resource'] ??= {}) as Plain),
  },
  scope: {
    edit: (_: Signal, bytes: Bytes, edit: (attributes: AttributeList) => void) =>
      editScopeAttributes(bytes, edit),
    owners: (plain: Plain) =>
      resourcesOf(plain)
        .flatMap(scopesOf)
        .map((each) => (each['scope'] ??= {}) as Plain),
  },
  item: { edit: editItemAttributes, owners: itemsOf },
};

const pairsOf = (owner: Plain) => (owner['attributes'] ?? []) as Pair[];

for (const [name, { edit, owners }] of Object.entries(PLACES)) {
  describe(`attributes of a ${name}`, () => {
    it('set on the wire is what decode, set, encode gives', () => {
      fc.assert(
        fc.property(signals, seeds, keys, texts, (signal, seed, key, text) => {
          const bytes = request(signal, seed);
          const value = encodeValue({ kind: 'string', value: text });
          const edited = edit(signal, bytes, (attributes) =>
            attributes.set(Buffer.from(key), value),
          );
          const expected = reference(signal, bytes);
          for (const owner of owners(expected)) setPair(owner, key, { stringValue: text });
          assert.deepEqual(reference(signal, edited), expected);
          validateRequest(signal, edited);
        }),
        { numRuns: 400 },
      );
    });

    it('deleted on the wire is what decode, delete, encode gives', () => {
      fc.assert(
        fc.property(signals, seeds, keys, (signal, seed, key) => {
          const bytes = request(signal, seed);
          let deleted = 0;
          const edited = edit(signal, bytes, (attributes) => {
            deleted += attributes.delete(Buffer.from(key));
          });
          if (deleted === 0) assert.equal(edited, bytes);
          const expected = reference(signal, bytes);
          for (const owner of owners(expected)) deletePairs(owner, key);
          const actual = reference(signal, edited);
          owners(actual);
          assert.deepEqual(actual, expected);
        }),
        { numRuns: 400 },
      );
    });

    it('are found with the values that protobufjs decodes', () => {
      fc.assert(
        fc.property(signals, seeds, keys, (signal, seed, key) => {
          const bytes = request(signal, seed);
          const found: (Plain | undefined)[] = [];
          const edited = edit(signal, bytes, (attributes) => {
            const index = attributes.find(Buffer.from(key));
            if (index === -1) return void found.push(undefined);
            found.push(decodeMessage('AnyValue', attributes.valueAt(index)));
            assert.equal(Buffer.from(attributes.keyAt(index)).toString(), key);
          });
          assert.equal(edited, bytes);
          const expected = owners(reference(signal, bytes)).map((owner) => {
            const pair = pairsOf(owner).find((each) => (each.key ?? '') === key);
            return pair && (pair.value ?? {});
          });
          assert.deepEqual(tally(found), tally(expected));
        }),
        { numRuns: 300 },
      );
    });
  });
}

describe('attributes', () => {
  it('that are added and deleted again leave every byte as it was', () => {
    fc.assert(
      fc.property(signals, seeds, texts, (signal, seed, text) => {
        const bytes = request(signal, seed);
        const key = Buffer.from('absent');
        const value = encodeValue({ kind: 'string', value: text });
        const with_ = editItemAttributes(signal, bytes, (each) => each.set(key, value));
        const without = editItemAttributes(signal, with_, (each) => void each.delete(key));
        assert.deepEqual(without, bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('of every kind are the same after decoding and encoding', () => {
    fc.assert(
      fc.property(signals, seeds, (signal, seed) => {
        editItemAttributes(signal, generateRequest(signal, seed), (attributes) => {
          for (let index = 0; index < attributes.size; index++) {
            const value = attributes.valueAt(index);
            const again = encodeValue(decodeValue(value));
            assert.deepEqual(decodeMessage('AnyValue', again), decodeMessage('AnyValue', value));
          }
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe('filtering on the wire', () => {
  it('is what decode, filter, prune, encode gives', () => {
    fc.assert(
      fc.property(signals, seeds, fc.bigInt({ min: 0n, max: 2n }), (signal, seed, residue) => {
        const bytes = request(signal, seed);
        const number = signal === 'traces' ? 7 : signal === 'logs' ? 1 : 3;
        const name = signal === 'traces' ? 'startTimeUnixNano' : 'timeUnixNano';
        const keep = (time: bigint) => time % 3n !== residue;
        const {
          bytes: filtered,
          kept,
          dropped,
        } = filterItems(signal, bytes, (item, walk) => {
          const field = findField(walk.bytes, item, number);
          return keep(field ? readFixed64(walk.bytes, field.start) : 0n);
        });
        const expected = filterPlain(reference(signal, bytes), (item) =>
          keep(BigInt((item[name] as string | undefined) ?? 0)),
        );
        assert.deepEqual(reference(signal, filtered), expected);
        assert.equal(kept, itemsOf(expected).length);
        if (dropped === 0) assert.equal(filtered, bytes);
        assert.equal(validateRequest(signal, filtered).items, kept);
      }),
      { numRuns: 800 },
    );
  });

  it('of everything leaves no envelope that held something', () => {
    fc.assert(
      fc.property(signals, seeds, (signal, seed) => {
        const filtered = filterItems(signal, request(signal, seed), () => false);
        assert.equal(filtered.kept, 0);
        assert.deepEqual(itemsOf(reference(signal, filtered.bytes)), []);
      }),
      { numRuns: 100 },
    );
  });

  it('OTLP-S10: takes out exactly the data points that validation has counted as bad', () => {
    let bad = 0;
    fc.assert(
      fc.property(seeds, (seed) => {
        const bytes = request('metrics', seed);
        const { items, badPoints } = validateRequest('metrics', bytes);
        const filtered = dropInvalidPoints(bytes);
        assert.equal(filtered.dropped, badPoints);
        assert.equal(filtered.kept, items - badPoints);
        const after = { items: items - badPoints, badPoints: 0 };
        assert.deepEqual(validateRequest('metrics', filtered.bytes), after);
        bad += badPoints;
      }),
      { numRuns: 400 },
    );
    assert.ok(bad > 100);
  });
});

describe('splitting on the wire', () => {
  it('keeps every item and all that is around it, within the limit of items', () => {
    fc.assert(
      fc.property(signals, seeds, fc.integer({ min: 1, max: 9 }), (signal, seed, maxItems) => {
        const bytes = request(signal, seed);
        const parts = splitRequest(signal, bytes, { maxItems, maxBytes: 0 });
        for (const part of parts) {
          assert.ok(part.items <= maxItems);
          assert.equal(validateRequest(signal, part.bytes).items, part.items);
        }
        const full = parts.filter((part) => part.items === maxItems).length;
        const { items } = validateRequest(signal, bytes);
        assert.equal(full, Math.floor(items / maxItems));
        assert.deepEqual(joined(signal, parts), flatten(reference(signal, bytes)));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps within the limit of bytes, but for an item that is larger by itself', () => {
    fc.assert(
      fc.property(signals, seeds, fc.integer({ min: 50, max: 3_000 }), (signal, seed, maxBytes) => {
        const bytes = request(signal, seed);
        const first = { maxItems: 2, maxBytes };
        const parts = splitRequest(signal, bytes, { maxItems: 0, maxBytes }, first);
        assert.ok((parts[0]?.items ?? 0) <= 2);
        for (const part of parts) assert.ok(part.bytes.length <= maxBytes || part.items <= 1);
        assert.deepEqual(joined(signal, parts), flatten(reference(signal, bytes)));
      }),
      { numRuns: 500 },
    );
  });
});

function joined(signal: Signal, parts: readonly { readonly bytes: Bytes }[]): string[] {
  return flatten(reference(signal, Buffer.concat(parts.map((part) => part.bytes))));
}

const tally = (values: readonly unknown[]) => values.map((each) => JSON.stringify(each)).toSorted();

function setPair(owner: Plain, key: string, value: Plain): void {
  const pairs = pairsOf(owner);
  const first = pairs.findIndex((pair) => (pair.key ?? '') === key);
  const pair = key === '' ? { value } : { key, value };
  owner['attributes'] =
    first === -1
      ? [...pairs, pair]
      : pairs
          .map((each, index) => (index === first ? pair : each))
          .filter((each, index) => index <= first || (each.key ?? '') !== key);
}

function deletePairs(owner: Plain, key: string): void {
  const left = pairsOf(owner).filter((pair) => (pair.key ?? '') !== key);
  if (left.length > 0) owner['attributes'] = left;
  else delete owner['attributes'];
}
