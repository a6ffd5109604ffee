import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bytes } from '../../contract/batch.ts';
import { Writer } from '../../wire/writer.ts';
import { type AnyValue, decodeValue, encodeValue } from './any-value.ts';
import type { AttributeList } from './attributes.ts';
import { editItemAttributes, editResourceAttributes } from './edit.ts';

const text = (value: string) => encodeValue({ kind: 'string', value });
const key = (name: string) => Buffer.from(name);

/** A logs request of one record with those attributes. */
function logs(...pairs: readonly (readonly [string, string])[]): Bytes {
  const writer = new Writer().open(1).open(2).open(2);
  for (const [name, value] of pairs) writer.open(6).string(1, name).bytes(2, text(value)).close();
  return writer.close().close().close().finish();
}

/** The attributes of the only record after an edit. */
function after(bytes: Bytes, edit: (attributes: AttributeList) => void): [string, string][] {
  const found: [string, string][] = [];
  editItemAttributes('logs', editItemAttributes('logs', bytes, edit), (attributes) => {
    for (let index = 0; index < attributes.size; index++) {
      const value = decodeValue(attributes.valueAt(index));
      assert.equal(value.kind, 'string');
      found.push([Buffer.from(attributes.keyAt(index)).toString(), value.value as string]);
    }
  });
  return found;
}

test('edits of one list see what the edits before them did', () => {
  const bytes = logs(['a', '1'], ['b', '2'], ['c', '3']);
  const edited = after(bytes, (attributes) => {
    attributes.set(key('a'), text('10'));
    assert.deepEqual(decodeValue(attributes.valueAt(0)), { kind: 'string', value: '10' });
    attributes.replaceAt(attributes.find(key('a')), text('11'));
    attributes.deleteAt(1);
    assert.deepEqual(
      [attributes.has(0), attributes.has(1), attributes.has(9)],
      [true, false, false],
    );
    assert.equal(attributes.find(key('b')), -1);
    attributes.set(key('b'), text('20'));
    attributes.set(key('d'), text('40'));
    attributes.set(key('d'), text('41'));
    attributes.set(key('e'), text('50'));
    assert.equal(attributes.delete(key('e')), 1);
    assert.equal(Buffer.from(attributes.keyAt(attributes.find(key('d')))).toString(), 'd');
  });
  assert.deepEqual(edited, [
    ['a', '11'],
    ['c', '3'],
    ['b', '20'],
    ['d', '41'],
  ]);
});

test('setting the value that is there changes nothing, and repeated keys become one', () => {
  const bytes = logs(['a', '1'], ['b', '2']);
  assert.equal(
    editItemAttributes('logs', bytes, (each) => each.set(key('a'), text('1'))),
    bytes,
  );
  const twice = logs(['a', '1'], ['b', '2'], ['a', '3']);
  assert.deepEqual(
    after(twice, (each) => each.set(key('a'), text('1'))),
    [
      ['a', '1'],
      ['b', '2'],
    ],
  );
});

test('an attribute in an unusual encoding is found by the key and value that count', () => {
  const pair = new Writer().string(1, 'old').bytes(2, text('1')).uint(9, 7).string(1, 'new');
  pair.bytes(2, text('2'));
  const bytes = new Writer().open(1).open(2).open(2).bytes(6, pair.finish());
  editItemAttributes('logs', bytes.close().close().close().finish(), (attributes) => {
    assert.equal(attributes.find(key('old')), -1);
    assert.equal(attributes.find(key('new')), 0);
    assert.deepEqual(decodeValue(attributes.valueAt(0)), { kind: 'string', value: '2' });
  });
});

test('values of every kind decode to what they were encoded from', () => {
  const f = (value: AnyValue) => assert.deepEqual(decodeValue(encodeValue(value)), value);
  f({ kind: 'empty' });
  f({ kind: 'string', value: '\ufeffgrüße' });
  f({ kind: 'bool', value: true });
  f({ kind: 'bool', value: false });
  f({ kind: 'int', value: -(2n ** 63n) });
  f({ kind: 'double', value: -0.5 });
  f({ kind: 'bytes', value: Uint8Array.of(0, 255) });
  f({ kind: 'array', encoded: new Writer().bytes(1, text('a')).finish() });
  f({ kind: 'kvlist', encoded: new Uint8Array(0) });
  const unknown = new Writer().uint(2, 1).uint(30, 5).finish();
  assert.deepEqual(decodeValue(unknown), { kind: 'bool', value: true });
  const [one, two] = [text('a'), text('b')].map((item) => new Writer().bytes(1, item).finish());
  const parts = decodeValue(new Writer().bytes(5, one!).bytes(5, two!).finish());
  assert.equal(parts.kind, 'array');
  assert.deepEqual(Buffer.concat([one!, two!]), parts.kind === 'array' && parts.encoded);
});

test('a resource that is not there is made for its first attribute', () => {
  const bytes = logs(['a', '1']);
  const edited = editResourceAttributes(bytes, (each) => each.set(key('tenant'), text('blue')));
  const seen = editResourceAttributes(edited, (each) => {
    assert.deepEqual(decodeValue(each.valueAt(0)), { kind: 'string', value: 'blue' });
  });
  assert.equal(seen, edited);
});
