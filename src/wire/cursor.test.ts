import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldCursor } from './cursor.ts';
import { WireError } from './error.ts';
import {
  readDouble,
  readFixed32,
  readFixed64,
  readUint32,
  readUint64,
  sizeOfVarint,
  writeVarint,
} from './varint.ts';
import { Writer } from './writer.ts';

/** Every field of a message in hexadecimal: number, wire type, payload. */
function fieldsOf(hex: string): string[] {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const cursor = new FieldCursor().enter(bytes);
  const fields: string[] = [];
  while (cursor.next()) {
    const payload = bytes.subarray(cursor.start, cursor.end).toString('hex');
    fields.push(`${cursor.number}:${cursor.wireType} ${payload}`);
  }
  return fields;
}

test('a cursor steps over fields of every wire type', () => {
  const f = (hex: string, ...expected: string[]) => assert.deepEqual(fieldsOf(hex), expected);
  f('');
  f('08 01', '1:0 01');
  f('08 ffffffffffffffffff01', '1:0 ffffffffffffffffff01');
  f('09 0102030405060708', '1:1 0102030405060708');
  f('0d 01020304 08 00', '1:5 01020304', '1:0 00');
  f('12 02 aabb', '2:2 aabb');
  f('12 8200 aabb', '2:2 aabb');
  f('8201 00', '16:2 ');
  f('faffffff0f 00', '536870911:2 ');
  f('0b 0c', '1:3 0c');
  f('0b 10 01 0d 01020304 1a 01 ff 1b 1c 0c 08 00', '1:3 10010d010203041a01ff1b1c0c', '1:0 00');
});

test('a cursor says what is wrong and where', () => {
  const f = (hex: string, fault: string, offset = 0) =>
    assert.throws(
      () => fieldsOf(hex),
      (error) => error instanceof WireError && error.fault === fault && error.offset === offset,
      `${hex} should be: ${fault}`,
    );
  f('08', 'truncated');
  f('08 80', 'truncated');
  f('09 01020304050607', 'truncated');
  f('0d 010203', 'truncated');
  f('12', 'truncated');
  f('12 03 aabb', 'truncated');
  f('08 00 12 03 aabb', 'truncated', 2);
  f('12 ffffffff0f', 'truncated');
  f('80', 'truncated');
  f('08 ffffffffffffffffff02', 'overlong varint');
  f('08 8080808080808080808001', 'overlong varint');
  f('12 808080808001', 'overlong varint');
  f('8080808080 01', 'overlong varint');
  f('ffffffff1f', 'overlong varint');
  f('00 00', 'bad tag');
  f('02 00', 'bad tag');
  f('0e', 'bad tag');
  f('0f', 'bad tag');
  f('0c', 'unbalanced group');
  f('0b 14', 'unbalanced group');
  f('0b', 'truncated');
  f('0b 12 05 0c', 'truncated');
  f('0b 09 01 0c', 'truncated');
  f('0b 00', 'bad tag');
  f('0b 0e 0c', 'bad tag');
  f(`${'0b'.repeat(101)}${'0c'.repeat(101)}`, 'nested too deeply');
});

test('a cursor stays inside the range it was given', () => {
  const bytes = Buffer.from('ffff080112 02aabbffff'.replace(' ', ''), 'hex');
  const cursor = new FieldCursor().enter(bytes, 2, 8);
  assert.ok(cursor.next());
  assert.deepEqual([cursor.tagStart, cursor.start, cursor.end], [2, 3, 4]);
  assert.ok(cursor.next());
  assert.deepEqual([cursor.tagStart, cursor.start, cursor.end], [4, 6, 8]);
  assert.equal(cursor.next(), false);
  assert.throws(() => new FieldCursor().enter(bytes, 4, 7).next(), WireError);
});

test('varints are read as they are written', () => {
  const f = (value: number) => {
    const bytes = new Uint8Array(10);
    assert.equal(writeVarint(bytes, 0, value), sizeOfVarint(value));
    assert.equal(readUint64(bytes, 0), BigInt(value));
    assert.equal(readUint32(bytes, 0), Number(BigInt.asUintN(32, BigInt(value))));
  };
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 28, 2 ** 31, 2 ** 32 - 1]) f(value);
  for (const value of [2 ** 32, 2 ** 35 + 7, 2 ** 53 - 1]) f(value);
});

test('what the writer writes is what a cursor reads', () => {
  const writer = new Writer(1);
  const text = 'grüße '.repeat(40);
  writer.uint(1, 300).int64(2, -1n).int64(3, 5n).sint32(4, -2).fixed32(5, 7);
  writer
    .fixed64(6, 2n ** 63n)
    .fixed64(7, -1n)
    .double(8, 1.5)
    .string(9, text)
    .string(10, 'a');
  writer.open(11).open(12).bytes(1, new Uint8Array(200)).close().close().open(13).close();
  writer.raw(Buffer.from('ff0801', 'hex'), 1);
  assert.ok(writer.length > 400);
  const bytes = writer.finish();
  assert.equal(writer.length, 0);
  assert.equal(bytes.buffer.byteLength, bytes.length);
  const cursor = new FieldCursor().enter(bytes);
  const next = <T>(read: (bytes: Uint8Array, offset: number) => T): T => {
    assert.ok(cursor.next());
    return read(bytes, cursor.start);
  };
  assert.equal(next(readUint32), 300);
  assert.equal(next(readUint64), 2n ** 64n - 1n);
  assert.equal(next(readUint64), 5n);
  assert.equal(next(readUint32), 3);
  assert.equal(next(readFixed32), 7);
  assert.equal(next(readFixed64), 2n ** 63n);
  assert.equal(next(readFixed64), 2n ** 64n - 1n);
  assert.equal(next(readDouble), 1.5);
  const string = (from: Uint8Array, start: number) =>
    Buffer.from(from.subarray(start, cursor.end)).toString();
  assert.equal(next(string), text);
  assert.equal(next(string), 'a');
  assert.ok(cursor.next());
  assert.deepEqual([cursor.number, cursor.end - cursor.start], [11, 206]);
  assert.ok(cursor.next());
  assert.deepEqual([cursor.number, cursor.end - cursor.start], [13, 0]);
  assert.equal(next(readUint32), 1);
  assert.equal(cursor.next(), false);
});

test('a writer used wrongly is a bug', () => {
  assert.throws(() => new Writer().close(), /bug: writer closed/);
  assert.throws(() => new Writer().open(1).finish(), /bug: writer finished/);
});
