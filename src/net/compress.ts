/**
 * Compression of outgoing bodies. CPU on Node 24 for 3.2 MB of spans in 16 chunks, in ms per MB,
 * and for one body of 4 KB, in us:
 *
 *   |                                        | ms/MB | 4 KB |
 *   | gzip 1: joined, gzipSync               | 5.1   | 79   |
 *   | gzip 1: joined, thread pool            | 4.4   | 166  |
 *   | gzip 1: this, piece by piece           | 3.9   | 47   |
 *   | zstd 1: joined in a new array          | 1.3   | 42   |
 *   | zstd 1: a frame per chunk              | 2.6   | 21   |
 *
 * So nothing goes to the thread pool up to a size that would block the thread for long, and gzip
 * is done in pieces of 1 MiB (about 2 ms each; a smaller piece pays more for starting than for itself) with a turn of the event loop in between. The
 * pieces make one member: each is raw deflate that ends on a byte boundary, and checksum and
 * trailer are ours. Backends exist that read the first member of a body only.
 */
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { snappyBlock, snappyBlockOf, snappyFrames } from './codec/snappy-compress.ts';

/** Names of codecs. `snappy` is the block format; `deflate` and `zlib` both are zlib streams. */
export type Codec =
  | 'none'
  | 'gzip'
  | 'zlib'
  | 'deflate'
  | 'zstd'
  | 'snappy'
  | 'snappy_framed'
  | 'lz4';

/** Bytes to send one after the other. */
export interface Body {
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
}

const PIECE_BYTES = 1024 * 1024;
/** Chunks from here on are compressed where they lie; smaller ones are gathered first. */
const ALONE_BYTES = 512 * 1024;
/** Snappy sees at most this much at once: chunks of this size, on average, lose nothing by themselves. */
const SNAPPY_ALONE_BYTES = 64 * 1024;
/** Bodies from here on go to the thread pool, where a codec cannot work piece by piece. */
const POOL_BYTES = 4 * 1024 * 1024;
const POOL_BYTES_ZLIB = 512 * 1024;
const DEFAULT_LEVEL = 1;

const GZIP_HEAD = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const deflateAsync = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate);
const zstdAsync = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);

/** Levels a codec takes; undefined for those without levels. 0 means the default. */
export function levelsOf(codec: Codec): { readonly min: number; readonly max: number } | undefined {
  if (codec === 'zstd') return { min: 0, max: 22 };
  return codec === 'gzip' || codec === 'zlib' || codec === 'deflate'
    ? { min: -1, max: 9 }
    : undefined;
}

/**
 * `chunks` compressed as one body. Resolves at once for small bodies; large ones take turns with
 * the event loop. The chunks are not written to, and are the answer themselves for `none`.
 */
export function compress(
  codec: Codec,
  chunks: readonly Uint8Array[],
  byteLength: number,
  level: number = DEFAULT_LEVEL,
): Body | Promise<Body> {
  const at = level === 0 ? DEFAULT_LEVEL : level;
  switch (codec) {
    case 'none':
      return { chunks, byteLength };
    case 'gzip':
      return gzip(chunks, byteLength, at);
    case 'zlib':
    case 'deflate':
      return deflate(chunks, byteLength, at);
    case 'zstd':
      return zstd(chunks, byteLength, at);
    case 'snappy':
      return bodyOf(snappy(chunks, byteLength));
    case 'snappy_framed':
      return bodyOf(snappyFrames(gather(chunks, byteLength)));
    case 'lz4':
      return lz4(chunks, byteLength);
  }
}

function gzip(
  chunks: readonly Uint8Array[],
  byteLength: number,
  level: number,
): Body | Promise<Body> {
  if (byteLength <= PIECE_BYTES) {
    const options = { level, chunkSize: outputGuess(byteLength) };
    return bodyOf([zlib.gzipSync(gather(chunks, byteLength), options)]);
  }
  const pieces = cut(chunks);
  const parts: Uint8Array[] = [GZIP_HEAD];
  let crc = 0;
  const next = (): boolean => {
    const { value: piece } = pieces.next();
    if (piece === undefined) return false;
    crc = zlib.crc32(piece, crc);
    parts.push(
      zlib.deflateRawSync(piece, {
        level,
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
        chunkSize: outputGuess(piece.length),
      }),
    );
    return true;
  };
  const finish = (): Body => {
    // An empty last block, then the trailer of RFC 1952.
    const tail = new Uint8Array(10);
    tail[0] = 3;
    const view = new DataView(tail.buffer);
    view.setUint32(2, crc, true);
    view.setUint32(6, byteLength >>> 0, true);
    parts.push(tail);
    return bodyOf(parts);
  };
  return inTurns(next, finish);
}

async function inTurns(next: () => boolean, finish: () => Body): Promise<Body> {
  while (next()) await new Promise((resolve) => setImmediate(resolve));
  return finish();
}

function deflate(
  chunks: readonly Uint8Array[],
  byteLength: number,
  level: number,
): Body | Promise<Body> {
  const options = { level, chunkSize: outputGuess(byteLength) };
  if (byteLength < POOL_BYTES_ZLIB) {
    return bodyOf([zlib.deflateSync(gather(chunks, byteLength), options)]);
  }
  return deflateAsync(copyOf(chunks, byteLength), options).then((bytes) => bodyOf([bytes]));
}

function zstd(
  chunks: readonly Uint8Array[],
  byteLength: number,
  level: number,
): Body | Promise<Body> {
  const options = {
    params: { [zlib.constants.ZSTD_c_compressionLevel]: level },
    chunkSize: outputGuess(byteLength),
  };
  if (byteLength < POOL_BYTES) {
    return bodyOf([zlib.zstdCompressSync(gather(chunks, byteLength), options)]);
  }
  return zstdAsync(copyOf(chunks, byteLength), options).then((bytes) => bodyOf([bytes]));
}

/** Chunks that are no loss to compress alone are compressed where they lie. */
function snappy(chunks: readonly Uint8Array[], byteLength: number): readonly Uint8Array[] {
  const isLarge = chunks.length > 1 && byteLength >= chunks.length * SNAPPY_ALONE_BYTES;
  return isLarge ? snappyBlockOf(chunks, byteLength) : [snappyBlock(gather(chunks, byteLength))];
}

function lz4(chunks: readonly Uint8Array[], byteLength: number): Body | Promise<Body> {
  const codec = nativeLz4();
  if (codec === undefined) throw new Error('bug: lz4 was not checked with isAvailable');
  if (byteLength < POOL_BYTES) {
    const { buffer, byteOffset, length } = gather(chunks, byteLength);
    return bodyOf([codec.compressFrameSync(Buffer.from(buffer, byteOffset, length))]);
  }
  return codec.compressFrame(copyOf(chunks, byteLength)).then((bytes) => bodyOf([bytes]));
}

/** Whether this installation has the codec; lz4 needs an optional package. */
export function isAvailable(codec: Codec): boolean {
  return codec !== 'lz4' || nativeLz4() !== undefined;
}

let lz4Module: typeof import('lz4-napi') | null | undefined;

function nativeLz4(): typeof import('lz4-napi') | undefined {
  if (lz4Module === undefined) {
    try {
      lz4Module = createRequire(import.meta.url)('lz4-napi') as typeof import('lz4-napi');
    } catch {
      lz4Module = null;
    }
  }
  return lz4Module ?? undefined;
}

/** Telemetry shrinks to a seventh or less; one output chunk is then enough. */
function outputGuess(byteLength: number): number {
  return Math.max(1024, byteLength >>> 2);
}

function bodyOf(chunks: readonly Uint8Array[]): Body {
  let byteLength = 0;
  for (const chunk of chunks) byteLength += chunk.length;
  return { chunks, byteLength };
}

/**
 * Room to join chunks in, kept for the thread: touching new memory costs more than compressing
 * with zstd. Its content is good until the next call.
 */
let scratch = new Uint8Array(0);

function gather(chunks: readonly Uint8Array[], byteLength: number): Uint8Array {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) return only;
  if (scratch.length < byteLength) scratch = new Uint8Array(byteLength);
  let offset = 0;
  for (const chunk of chunks) {
    scratch.set(chunk, offset);
    offset += chunk.length;
  }
  const joined = scratch.subarray(0, byteLength);
  // What a rare giant needed is not kept.
  if (scratch.length > POOL_BYTES) scratch = new Uint8Array(0);
  return joined;
}

function copyOf(chunks: readonly Uint8Array[], byteLength: number): Uint8Array {
  const copy = new Uint8Array(byteLength);
  let offset = 0;
  for (const chunk of chunks) {
    copy.set(chunk, offset);
    offset += chunk.length;
  }
  return copy;
}

/** Pieces of at most `PIECE_BYTES`; each is good until the next is asked for. */
function* cut(chunks: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (let i = 0; i < chunks.length; ) {
    const first = chunks[i]!;
    if (first.length >= ALONE_BYTES) {
      for (let start = 0; start < first.length; start += PIECE_BYTES) {
        yield first.subarray(start, start + PIECE_BYTES);
      }
      i++;
      continue;
    }
    const from = i;
    let gathered = 0;
    for (; i < chunks.length; i++) {
      const { length } = chunks[i]!;
      if (length >= ALONE_BYTES || gathered + length > PIECE_BYTES) break;
      gathered += length;
    }
    yield gather(chunks.slice(from, i), gathered);
  }
}
