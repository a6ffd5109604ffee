import type { Bytes } from '../../contract/batch.ts';
import { CorruptError } from './corrupt.ts';
import { xxh32 } from './xxh32.ts';

/**
 * The LZ4 frame format. Blocks may refer to the 64 KiB before them, so they are decoded into one
 * array that grows; `grow` is told the size in all before memory is taken, and throws to stop.
 */

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const BLOCK_SIZES = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024];
const MIN_MATCH = 4;
const UNCOMPRESSED = 0x8000_0000;

interface Output {
  bytes: Bytes;
  end: number;
}

/** Decodes all frames of a body. */
export function decodeLz4(body: Bytes, grow: (size: number) => void): Bytes {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const out: Output = { bytes: new Uint8Array(0), end: 0 };
  let at = 0;
  try {
    if (body.length === 0) throw cutShort();
    while (at < body.length) {
      const magic = view.getUint32(at, true);
      if (magic >>> 4 === SKIPPABLE >>> 4) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > body.length) throw cutShort();
      } else if (magic === MAGIC) at = decodeFrame(view, at + 4, { body, out, grow });
      else throw new CorruptError('not an lz4 frame');
    }
  } catch (error) {
    if (error instanceof RangeError) throw cutShort();
    throw error;
  }
  return out.bytes.slice(0, out.end);
}

interface Frame {
  readonly body: Bytes;
  readonly out: Output;
  readonly grow: (size: number) => void;
}

/** Decodes the frame whose descriptor is at `from`; answers where it ends. */
function decodeFrame(view: DataView, from: number, frame: Frame): number {
  const { body, out, grow } = frame;
  const flags = view.getUint8(from);
  const blockSize = BLOCK_SIZES[(view.getUint8(from + 1) >>> 4) & 7] ?? 0;
  if (flags >>> 6 !== 1 || blockSize === 0) throw new CorruptError('an unknown kind of lz4 frame');
  if ((flags & 1) !== 0) throw new CorruptError('lz4 with a dictionary is not supported');
  let at = from + 2 + ((flags & 8) !== 0 ? 8 : 0);
  const check = (xxh32(body.subarray(from, at)) >>> 8) & 0xff;
  if (view.getUint8(at++) !== check) throw new CorruptError('the lz4 header is damaged');
  const first = out.end;
  for (;;) {
    const header = view.getUint32(at, true);
    at += 4;
    if (header === 0) break;
    const size = header & ~UNCOMPRESSED;
    if (size > blockSize || at + size > body.length) throw cutShort();
    const block = body.subarray(at, at + size);
    at += size;
    if ((flags & 16) !== 0) {
      if (view.getUint32(at, true) !== xxh32(block)) throw new CorruptError('a damaged lz4 block');
      at += 4;
    }
    const plain = header >= UNCOMPRESSED;
    ensure(out, plain ? size : blockSize, { block, grow });
    if (plain) {
      out.bytes.set(block, out.end);
      out.end += size;
    } else decodeLz4Block(block, out, (flags & 32) !== 0 ? out.end : first);
  }
  if ((flags & 4) === 0) return at;
  if (view.getUint32(at, true) !== xxh32(out.bytes.subarray(first, out.end))) {
    throw new CorruptError('the lz4 data is damaged');
  }
  return at + 4;
}

/** Makes room for a block: at most `most`, and no more than 255 times its compressed length. */
function ensure(
  out: Output,
  most: number,
  of: { readonly block: Uint8Array; readonly grow: (size: number) => void },
): void {
  const needed = out.end + Math.min(most, of.block.length * 255 + 64);
  if (needed <= out.bytes.length) return;
  const size = Math.max(needed, Math.min(out.bytes.length * 2, out.bytes.length + 4 * 1024 * 1024));
  of.grow(size);
  const grown = new Uint8Array(size);
  grown.set(out.bytes.subarray(0, out.end));
  out.bytes = grown;
}

/** Decodes one block behind what `out` holds; matches reach back to `earliest`. */
function decodeLz4Block(block: Uint8Array, out: Output, earliest: number): void {
  const bytes = out.bytes;
  let end = out.end;
  let at = 0;
  while (at < block.length) {
    const token = block[at++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        more = byteAt(block, at++);
        literals += more;
      } while (more === 255);
    }
    if (literals > block.length - at || literals > bytes.length - end) throw cutShort();
    if (literals <= 16) for (let i = 0; i < literals; i++) bytes[end + i] = block[at + i] as number;
    else bytes.set(block.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    if (at === block.length) break;
    const offset = byteAt(block, at) | (byteAt(block, at + 1) << 8);
    at += 2;
    let length = (token & 15) + MIN_MATCH;
    if ((token & 15) === 15) {
      let more: number;
      do {
        more = byteAt(block, at++);
        length += more;
      } while (more === 255);
    }
    if (offset === 0 || offset > end - earliest || length > bytes.length - end) throw cutShort();
    if (offset >= length && length > 16) bytes.copyWithin(end, end - offset, end - offset + length);
    else for (let i = 0; i < length; i++) bytes[end + i] = bytes[end - offset + i] as number;
    end += length;
  }
  out.end = end;
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw cutShort();
  return byte;
}

function cutShort(): CorruptError {
  return new CorruptError('the lz4 data is damaged or cut short');
}
