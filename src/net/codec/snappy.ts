import type { Bytes } from '../../contract/batch.ts';
import { CorruptError } from './corrupt.ts';
import { crc32c } from '../client/crc32c.ts';
import { snappyKernel } from './snappy-kernel.ts';

/** No valid block grows by more than this (a copy of 64 bytes takes three). */
const MAX_RATIO = 22;
const STREAM_IDENTIFIER = Buffer.from([0xff, 0x06, 0x00, 0x00, ...Buffer.from('sNaPpY')]);
const MAX_FRAME_CONTENT = 65_536;

/** Whether a body is in the framing format, by its first chunk. */
export function isSnappyFramed(body: Uint8Array): boolean {
  const length = STREAM_IDENTIFIER.length;
  return body.length >= length && STREAM_IDENTIFIER.equals(body.subarray(0, length));
}

/** The size a block claims to have when decoded, and where its elements begin. */
export function snappyPreamble(block: Uint8Array): { size: number; start: number } {
  let size = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte >= 0x80) continue;
    if (size > 0xffff_ffff) break;
    if (size > block.length * MAX_RATIO) {
      throw new CorruptError(`a snappy block of ${block.length} bytes cannot hold ${size}`);
    }
    return { size, start: at + 1 };
  }
  throw new CorruptError('a snappy block has no length');
}

/** Decodes a block into `out`, which has exactly the room its preamble claims. */
export function decodeSnappyBlock(block: Uint8Array, start: number, out: Uint8Array): void {
  let at = start;
  let end = 0;
  while (at < block.length) {
    const tag = block[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        length = littleEndian(block, at, extra) + 1;
        at += extra;
      }
      if (length > block.length - at || length > out.length - end) throw cutShort();
      if (length <= 16) for (let i = 0; i < length; i++) out[end + i] = block[at + i] as number;
      else out.set(block.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const extra = kind === 3 ? 4 : kind;
    const low = littleEndian(block, at, extra);
    const offset = kind === 1 ? ((tag >>> 5) << 8) | low : low;
    at += extra;
    if (offset === 0 || offset > end || length > out.length - end) throw cutShort();
    if (offset >= length && length > 16) out.copyWithin(end, end - offset, end - offset + length);
    else for (let i = 0; i < length; i++) out[end + i] = out[end - offset + i] as number;
    end += length;
  }
  if (end !== out.length) throw cutShort();
}

/** Decodes a whole block. `allocate` is asked for the memory, with the size the block claims. */
export function decodeSnappy(block: Bytes, allocate: (size: number) => Bytes): Bytes {
  const { size, start } = snappyPreamble(block);
  const out = allocate(size);
  const kernel = size >= KERNEL_FROM ? snappyKernel() : undefined;
  if (kernel === undefined) decodeSnappyBlock(block, start, out);
  else if (!kernel.decode(block, start, out)) throw cutShort();
  return out;
}

/** Below this the way into the kernel costs more than it saves. */
const KERNEL_FROM = 512;

/**
 * Decodes the framing format. `reserve` is told the size in all before memory is taken for it,
 * and throws to stop.
 */
export function decodeSnappyFramed(body: Bytes, reserve: (size: number) => void): Bytes[] {
  const parts: Bytes[] = [];
  let total = 0;
  const take = (size: number): Bytes => {
    if (size > MAX_FRAME_CONTENT) throw new CorruptError('a snappy frame is larger than 64 KiB');
    total += size;
    reserve(total);
    return new Uint8Array(size);
  };
  for (let at = 0; at < body.length; ) {
    if (body.length - at < 4) throw cutShort();
    const type = body[at];
    const start = at + 4;
    const end = start + littleEndian(body, at + 1, 3);
    if (end > body.length) throw cutShort();
    at = end;
    if (type === 0xff) {
      if (!isSnappyFramed(body.subarray(start - 4, end))) throw new CorruptError('not snappy');
    } else if (type === 0 || type === 1) {
      if (end - start < 4) throw cutShort();
      const content = body.subarray(start + 4, end);
      const part = type === 0 ? decodeFrame(content, take) : take(content.length);
      if (type === 1) part.set(content);
      if (maskedChecksum(part) !== littleEndian(body, start, 4)) {
        throw new CorruptError('a snappy frame has the wrong checksum');
      }
      parts.push(part);
    } else if ((type ?? 0) < 0x80) throw new CorruptError('an unknown kind of snappy frame');
  }
  return parts;
}

function decodeFrame(block: Uint8Array, take: (size: number) => Bytes): Bytes {
  const { size, start } = snappyPreamble(block);
  const part = take(size);
  decodeSnappyBlock(block, start, part);
  return part;
}

function maskedChecksum(bytes: Uint8Array): number {
  const sum = crc32c(bytes, 0, bytes.length);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) throw cutShort();
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

function cutShort(): CorruptError {
  return new CorruptError('the snappy data is damaged or cut short');
}
