import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeValue } from '../../src/formats/otlp/any-value.ts';
import { AttributeList } from '../../src/formats/otlp/attributes.ts';
import { editResourceAttributes, editScopeAttributes } from '../../src/formats/otlp/edit.ts';
import { numberOf, RequestWalk } from '../../src/formats/otlp/walk.ts';
import { knownIndex, validateRequest, wantedIndex } from '../../src/formats/otlp/validate.ts';
import type { Bytes } from '../../src/contract/batch.ts';
import { FieldCursor } from '../../src/wire/cursor.ts';
import { type ItemIndex, keyMarkOf } from '../../src/wire/item-index.ts';
import { batchWith, request, sampler } from '../sampling/stand.ts';
import { generateRequest } from './otlp-requests.ts';

type Sampled = 'traces' | 'logs';

const NONE = new Uint8Array(0);
const NUMBERS = {
  traces: {
    id: numberOf('Span', 'trace_id'),
    state: numberOf('Span', 'trace_state'),
    attributes: numberOf('Span', 'attributes'),
  },
  logs: {
    id: numberOf('LogRecord', 'trace_id'),
    state: -1,
    attributes: numberOf('LogRecord', 'attributes'),
  },
};
const KEYS = ['sampling.priority', 'sampling.threshold', 'service.name', 'k', '', 'ab', 'ключ'];
const OPTIONS = {
  unknown: true,
  disorder: true,
  keys: [...KEYS, 'long.key.'.repeat(16)],
  states: ['', 'a=b', 'ot=th:8', 'ot=x:y', 'ot=rv:9b8233f7e3a151;th:8;k:v', 'none'],
};
const SOUGHT = [...OPTIONS.keys, 'absent', 'abc', 'x'].map((key) => Buffer.from(key));
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom<Sampled>('traces', 'logs');
const VALUE = encodeValue({ kind: 'string', value: 'v'.repeat(200) });

/** Resources and scopes get longer, and some of them shorter. */
function grow(attributes: AttributeList): void {
  attributes.delete(Buffer.from('service.name'));
  if (attributes.size % 2 === 0) attributes.set(Buffer.from('added'), VALUE);
}

const EDITS = {
  nothing: (bytes: Bytes) => bytes,
  resources: (bytes: Bytes) => editResourceAttributes(bytes, grow),
  scopes: (bytes: Bytes) => editScopeAttributes(bytes, grow),
  both: (bytes: Bytes) => editScopeAttributes(editResourceAttributes(bytes, grow), grow),
};
const edits = fc.constantFrom(...Object.values(EDITS));

/** What the walk finds: the items, the last id and the last state of each, and its keys. */
function found(signal: Sampled, bytes: Uint8Array): Item[] {
  const { id, state, attributes } = NUMBERS[signal];
  const items: Item[] = [];
  const walk = new RequestWalk().enter(bytes);
  const cursor = new FieldCursor();
  const list = new AttributeList();
  while (walk.nextResource()) {
    while (walk.nextScope()) {
      while (walk.nextRecord()) {
        const { tagStart, start, end } = walk.record;
        const item = { tagStart, start, end, idAt: 0, textAt: 0, keys: [] as string[] };
        cursor.enter(bytes, start, end);
        while (cursor.next()) {
          if (cursor.number === id) item.idAt = cursor.end > cursor.start ? cursor.start : 0;
          if (cursor.number === state) item.textAt = cursor.tagStart;
        }
        list.clear(bytes, attributes);
        list.read(start, end);
        for (let index = 0; index < list.size; index++) {
          item.keys.push(Buffer.from(list.keyAt(index)).toString());
        }
        items.push(item);
      }
    }
  }
  return items;
}

interface Item {
  readonly tagStart: number;
  readonly start: number;
  readonly end: number;
  readonly idAt: number;
  readonly textAt: number;
  readonly keys: readonly string[];
}

function standing({ tagStart, start, end, idAt, textAt }: ItemIndex): Omit<Item, 'keys'> {
  return { tagStart, start, end, idAt, textAt };
}

/** Validated, so that its index is known. */
function indexed(signal: Sampled, bytes: Bytes): Bytes {
  wantedIndex(signal, NONE);
  validateRequest(signal, bytes);
  return bytes;
}

describe('the index of the items', () => {
  it('says what a walk finds, and forgets no key, whatever was edited around the items', () => {
    fc.assert(
      fc.property(signals, seeds, edits, (signal, seed, edit) => {
        const bytes = edit(indexed(signal, generateRequest(signal, seed, OPTIONS)));
        const index = knownIndex(bytes);
        assert.ok(index);
        for (const { keys, ...item } of found(signal, bytes)) {
          assert.ok(index.nextBefore(item.tagStart + 1));
          assert.deepEqual(standing(index), item);
          for (const key of SOUGHT) {
            if (keys.includes(key.toString())) assert.ok(index.mayHave([keyMarkOf(key)]));
          }
        }
        assert.equal(index.nextBefore(bytes.length), false);
      }),
      { numRuns: 1000 },
    );
  });

  it('is of no other bytes, nor of those before an edit', () => {
    const bytes = indexed('traces', request('traces', [{}]));
    assert.ok(knownIndex(bytes));
    assert.equal(knownIndex(new Uint8Array(bytes)), undefined);
    const edited = editResourceAttributes(bytes, (attributes) => {
      attributes.set(Buffer.from('added'), VALUE);
    });
    assert.ok(knownIndex(edited));
    assert.equal(knownIndex(bytes), undefined);
    assert.throws(() => validateRequest('traces', Buffer.of(0xff)));
    assert.equal(knownIndex(edited), undefined);
  });

  it('rarely takes a key for another', () => {
    const text = (key: string) => ({ key, value: { stringValue: 'v' } });
    const spans = Array.from({ length: 1000 }, (_, index) => ({
      attributes: Array.from({ length: 10 }, (__, other) => text(`key.${index}.of.${other}`)),
    }));
    const bytes = indexed('traces', request('traces', spans));
    const index = knownIndex(bytes)!;
    const sought = [keyMarkOf(Buffer.from('sampling.priority'))];
    let mistaken = 0;
    while (index.nextBefore(bytes.length)) if (index.mayHave(sought)) mistaken++;
    assert.ok(mistaken < 60, `${mistaken} of 1000`);
  });
});

const section = fc.record({
  mode: fc.constantFrom('hash_seed', 'proportional', 'equalizing'),
  sampling_percentage: fc.constantFrom(0, 10, 50, 100),
  fail_closed: fc.boolean(),
  sampling_priority: fc.constantFrom('', 'k'),
  keep: fc.constantFrom(
    [],
    [{ name: 'a', attributes: [{ key: 'service.name', exists: true }] }],
    [
      {
        name: 'a',
        attributes: [
          { key: 'ab', exists: false },
          { key: 'k', matches: '.' },
        ],
      },
      { name: 'b', route: { equals: 'GET /orders' }, mark: 'none' },
      { name: 'c', resource_attributes: [{ key: 'k', exists: true }], mark: 'kept' },
    ],
  ),
});

describe('sampling by the index of the items', () => {
  it('decides, writes and counts as without one', () => {
    fc.assert(
      fc.property(signals, seeds, section, edits, (signal, seed, settings, edit) => {
        const bytes = edit(indexed(signal, generateRequest(signal, seed, OPTIONS)));
        assert.ok(knownIndex(bytes));
        const [fast, slow] = [bytes, new Uint8Array(bytes)].map((each) => {
          const { transform, numbers } = sampler(settings);
          const result = transform(batchWith(signal, each, 0));
          return {
            chunks: result?.chunks.map((chunk) => Buffer.from(chunk).toString('hex')),
            items: result?.items,
            numbers: numbers.values,
          };
        });
        assert.deepEqual(fast, slow);
      }),
      { numRuns: 2000 },
    );
  });
});
