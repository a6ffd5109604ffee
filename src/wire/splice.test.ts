import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldCursor } from './cursor.ts';
import { Splice } from './splice.ts';
import { Writer } from './writer.ts';

/** A message in messages: 1 { 2 { bytes 3 of `length` zeros } }, and a cursor on each. */
function nested(length: number) {
  const bytes = new Writer().open(1).open(2).bytes(3, new Uint8Array(length)).close().close();
  const message = bytes.uint(4, 7).finish();
  const outer = new FieldCursor().enter(message);
  outer.next();
  const inner = new FieldCursor().enter(message, outer.start, outer.end);
  inner.next();
  const leaf = new FieldCursor().enter(message, inner.start, inner.end);
  leaf.next();
  return { message, outer, inner, leaf };
}

test('lengths follow the edits inside, as they grow and shrink by bytes of their own', () => {
  const f = (from: number, to: number) => {
    const { message, outer, inner, leaf } = nested(from);
    const splice = new Splice(message);
    splice.enter(outer);
    splice.enter(inner);
    const field = new Writer().bytes(3, new Uint8Array(to)).finish();
    splice.replace(leaf.tagStart, leaf.end, field);
    splice.leave();
    splice.leave();
    assert.ok(splice.edited);
    const edited = splice.finish();
    assert.deepEqual(edited, nested(to).message);
    assert.notEqual(edited.buffer, message.buffer);
  };
  f(10, 20);
  f(120, 124);
  f(122, 130);
  f(130, 1);
  f(16_380, 16_385);
  f(20_000, 0);
  f(0, 40_000);
});

test('without edits the very same array comes back', () => {
  const { message, outer, inner } = nested(5);
  const splice = new Splice(message);
  splice.enter(outer);
  splice.enter(inner);
  splice.leave();
  splice.leave();
  assert.equal(splice.edited, false);
  assert.equal(splice.finish(), message);
});

test('neighbours that are removed, inserts, and a field that goes whole', () => {
  const message = Buffer.from('08011002180320041a02 0801 2805'.replaceAll(' ', ''), 'hex');
  const bytes = Uint8Array.from(message);
  const splice = new Splice(bytes);
  splice.insert(0, Uint8Array.of(0x30, 6));
  splice.remove(2, 4);
  splice.remove(4, 6);
  splice.enter({ tagStart: 8, start: 10, end: 12 });
  splice.remove(10, 12);
  splice.leaveAndRemove();
  splice.remove(12, 14);
  assert.equal(Buffer.from(splice.finish()).toString('hex'), '300608012004');
});

test('a splice used wrongly is a bug', () => {
  const { message, outer, inner, leaf } = nested(5);
  assert.throws(() => new Splice(message).leave(), /bug: splice left more/);
  const unfinished = new Splice(message);
  unfinished.enter(outer);
  assert.throws(() => unfinished.finish(), /bug: splice finished inside/);
  const disordered = new Splice(message);
  disordered.remove(2, 4);
  assert.throws(() => disordered.remove(1, 2), /bug: splice edits out of order/);
  assert.throws(() => disordered.remove(4, 400), /out of range/);
  const beyond = new Splice(message);
  beyond.enter(outer);
  beyond.enter(inner);
  beyond.remove(leaf.tagStart, message.length);
  assert.throws(() => beyond.leave(), /bug: splice edited past/);
});
