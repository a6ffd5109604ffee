import type { Bytes } from '../../contract/batch.ts';
import { allocateOwn } from '../http1/body.ts';

/** Node pools smaller buffers. */
const MIN_OWN_BUFFER = 32 * 1024;

/**
 * Bytes in a buffer of their own, never one shared with others. A large buffer is kept with up
 * to `maxSlack` bytes of slack; a small one is copied out.
 */
export function ownBytes(out: Buffer, maxSlack: number): Bytes {
  const { buffer, byteOffset, length } = out;
  if (
    length >= MIN_OWN_BUFFER &&
    buffer instanceof ArrayBuffer &&
    buffer.byteLength - length <= maxSlack
  ) {
    return new Uint8Array(buffer, byteOffset, length);
  }
  const own = allocateOwn(length);
  own.set(out);
  return own;
}

/** The parts one after the other. */
export function joined(parts: readonly Uint8Array[], total: number): Bytes {
  const all = allocateOwn(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
