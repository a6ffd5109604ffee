import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateOwn, BodyBuffer } from './body.ts';

test('an empty body that moves to another thread takes no other body along', () => {
  const moved = new BodyBuffer(0).finish();
  structuredClone(moved, { transfer: [moved.buffer] });
  const body = new BodyBuffer(0);
  body.grow(4);
  body.append(Buffer.from('abcd'), 0, 4);
  assert.equal(Buffer.from(body.finish()).toString(), 'abcd');
  assert.equal(allocateOwn(0).length, 0);
});
