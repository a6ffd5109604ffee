import zlib from 'node:zlib';
import type { Bytes } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { CODINGS } from './codec/codings.ts';
import { CorruptError } from './codec/corrupt.ts';
import { decodeLz4 } from './codec/lz4.ts';
import { gunzipKnown } from './codec/gunzip.ts';
import { joined, ownBytes } from './codec/own-bytes.ts';
import { decodeSnappy, decodeSnappyFramed, isSnappyFramed } from './codec/snappy.ts';
import { zstdFrames } from './codec/zstd.ts';
import { allocateOwn, BodyBuffer } from './http1/body.ts';

/** The bounds of one decompression. */
export interface Guard {
  /** Most bytes to make of a body. */
  readonly maxBytes: number;
  /** `Permit.resize`: told the size in all before memory is taken; a refusal stops the work. */
  resize(bytes: number): Outcome | undefined;
}

/** What came of a body: its content in a buffer of its own, or why there is none. */
export type Decompressed = Bytes | Outcome;

type InflateSync = (body: Uint8Array, options: zlib.ZlibOptions) => Buffer;
type Inflater = () => zlib.Gunzip | zlib.Inflate | zlib.ZstdDecompress;

const SMALLEST_GUESS = 64 * 1024;
/** What is guessed when a format does not say how large its content is. */
const USUAL_RATIO = 8;
const ZSTD_WINDOW_LOG = 26;
const STREAM_CHUNK = 256 * 1024;
/** Room behind the content, so that the decoder sees its end without another chunk. */
const SLACK = 64;

/** A refusal on the way out of a decoder. */
class Refused extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super();
    this.outcome = outcome;
  }
}

/** Whether `decompress` answered with a refusal. */
export function isRefusal(result: Decompressed): result is Outcome {
  return 'kind' in result;
}

/**
 * Undoes a content coding under a hard limit: no more than `maxBytes` are ever made, and nothing
 * is allocated that `resize` refused. Truncated and damaged bodies are refused. Synchronous
 * unless a body turns out much larger than it promised; a thread-pool hop costs more than
 * inflating most requests.
 */
export function decompress(
  coding: string,
  body: Bytes,
  guard: Guard,
): Decompressed | Promise<Decompressed> {
  try {
    switch (coding) {
      case '':
      case 'identity':
      case 'none':
        return body.length > guard.maxBytes ? tooLarge(guard.maxBytes) : body;
      case 'gzip':
        return gunzip(body, guard);
      case 'zlib':
      case 'deflate':
        return inflate(body, guard, -1, isZlib(body) ? ZLIB : RAW_DEFLATE);
      case 'zstd':
        return unzstd(body, guard);
      case 'snappy':
      case 'x-snappy-framed':
        if (coding !== 'snappy' || isSnappyFramed(body)) return unsnappyFramed(body, guard);
        return decodeSnappy(body, (size) => {
          reserve(guard, size);
          return allocateOwn(size);
        });
      case 'lz4':
        return unlz4(body, guard);
      default:
        return unsupported(coding);
    }
  } catch (error) {
    return refusalOf(error, coding);
  }
}

/** The refusal for a coding that nobody here can undo. */
export function unsupported(coding: string): Outcome {
  const message = `cannot undo content encoding ${JSON.stringify(coding.slice(0, 64))}; use one of ${CODINGS.join(', ')}`;
  return { kind: 'rejected', reason: 'unsupported_encoding', message, fault: 'unsupported' };
}

/** The refusal for a body or its content above `maxBytes`. */
export function tooLarge(maxBytes: number): Outcome {
  const message = `the request is larger than ${maxBytes} bytes; send smaller batches`;
  return { kind: 'rejected', reason: 'too_large', message, fault: 'too_large' };
}

/** Node refuses junk behind one gzip member by itself, and takes further members only unless told. */
const GZIP: readonly [InflateSync, Inflater] = [
  zlib.gunzipSync,
  () => zlib.createGunzip({ chunkSize: STREAM_CHUNK }),
];
const STRICT = { rejectGarbageAfterEnd: true } as zlib.ZlibOptions;
const STREAM = { chunkSize: STREAM_CHUNK, ...STRICT };
const ZLIB: readonly [InflateSync, Inflater] = [
  (body, options) => zlib.inflateSync(body, { ...options, ...STRICT }),
  () => zlib.createInflate(STREAM),
];
const RAW_DEFLATE: readonly [InflateSync, Inflater] = [
  (body, options) => zlib.inflateRawSync(body, { ...options, ...STRICT }),
  () => zlib.createInflateRaw(STREAM),
];
const ZSTD_PARAMS = { params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } };
const ZSTD: readonly [InflateSync, Inflater] = [
  (body, options) =>
    zlib.zstdDecompressSync(body, { ...options, ...ZSTD_PARAMS } as zlib.ZstdOptions),
  () => zlib.createZstdDecompress({ ...STREAM, ...ZSTD_PARAMS } as zlib.ZstdOptions),
];

/** The usual body, one member that is as long as its trailer says; or anything else. */
function gunzip(body: Bytes, guard: Guard): Decompressed | Promise<Decompressed> {
  const expected = gzipHint(body);
  if (expected > 0 && expected <= guard.maxBytes) {
    reserve(guard, expected);
    const content = gunzipKnown(body, expected);
    if (content !== undefined) return content;
  }
  return inflate(body, guard, expected, GZIP);
}

/** At once into a buffer of the expected size; as a stream when there is more to come. */
function inflate(
  body: Bytes,
  guard: Guard,
  expected: number,
  [inflateSync, inflater]: readonly [InflateSync, Inflater],
): Decompressed | Promise<Decompressed> {
  if (expected > guard.maxBytes) return tooLarge(guard.maxBytes);
  const guess = expected >= 0 ? expected : Math.max(SMALLEST_GUESS, body.length * USUAL_RATIO);
  const capacity = Math.max(1, Math.min(guard.maxBytes, guess));
  reserve(guard, capacity);
  try {
    const out = inflateSync(body, {
      chunkSize: capacity + SLACK,
      maxOutputLength: capacity,
    });
    return ownBytes(out, 2 * SLACK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    if (capacity >= guard.maxBytes) return tooLarge(guard.maxBytes);
    return inflateGrowing(body, guard, inflater());
  }
}

function inflateGrowing(
  body: Bytes,
  guard: Guard,
  stream: ReturnType<Inflater>,
): Promise<Decompressed> {
  const content = new BodyBuffer(0);
  return new Promise((resolve) => {
    const refuse = (outcome: Outcome) => {
      stream.destroy();
      resolve(outcome);
    };
    stream.on('data', (chunk: Buffer) => {
      if (stream.destroyed) return;
      try {
        if (content.length + chunk.length > guard.maxBytes)
          throw new Refused(tooLarge(guard.maxBytes));
        const capacity = content.capacityFor(chunk.length, guard.maxBytes);
        if (capacity > content.capacity) reserve(guard, capacity);
        content.grow(capacity);
        content.append(chunk, 0, chunk.length);
      } catch (error) {
        refuse(refusalOf(error, 'body'));
      }
    });
    stream.on('end', () => resolve(content.finish()));
    stream.on('error', (error) => refuse(refusalOf(error, 'body')));
    stream.end(body);
  });
}

function unzstd(body: Bytes, guard: Guard): Decompressed | Promise<Decompressed> {
  const frames = zstdFrames(body);
  const only = frames[0];
  if (only === undefined) throw new CorruptError('there is no zstd frame');
  if (frames.length === 1 && only.start === 0 && only.end === body.length) {
    const { contentSize, mostBytes } = only;
    return inflate(
      body,
      guard,
      contentSize === undefined ? -1 : Math.min(contentSize, mostBytes),
      ZSTD,
    );
  }
  let most = 0;
  for (const frame of frames) most += frame.contentSize ?? frame.mostBytes;
  const parts: Uint8Array[] = [];
  let total = 0;
  reserve(guard, Math.min(most, guard.maxBytes));
  for (const frame of frames) {
    const room = guard.maxBytes - total;
    const part = body.subarray(frame.start, frame.end);
    const size = Math.max(1, Math.min(room, frame.contentSize ?? frame.mostBytes));
    try {
      parts.push(
        ZSTD[0](part, {
          chunkSize: Math.max(SLACK, Math.min(size, STREAM_CHUNK)),
          maxOutputLength: size,
        }),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      return tooLarge(guard.maxBytes);
    }
    total += parts.at(-1)?.length ?? 0;
  }
  return joined(parts, total);
}

function unsnappyFramed(body: Bytes, guard: Guard): Bytes {
  if (!isSnappyFramed(body)) throw new CorruptError('the snappy stream has no identifier');
  const parts = decodeSnappyFramed(body, (size) => reserve(guard, size));
  return joined(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

function unlz4(body: Bytes, guard: Guard): Bytes {
  const content = decodeLz4(body, (size) => {
    // Room is taken block by block, so the last block may ask for more than it fills.
    const refusal = guard.resize(Math.min(size, guard.maxBytes));
    if (refusal !== undefined) throw new Refused(refusal);
    if (size > guard.maxBytes + LZ4_OVERSHOOT) throw new Refused(tooLarge(guard.maxBytes));
  });
  if (content.length > guard.maxBytes) throw new Refused(tooLarge(guard.maxBytes));
  return content;
}

/** Largest block of LZ4. */
const LZ4_OVERSHOOT = 4 * 1024 * 1024;

/** Charges `bytes`, or throws the refusal. */
function reserve(guard: Guard, bytes: number): void {
  const refusal = bytes > guard.maxBytes ? tooLarge(guard.maxBytes) : guard.resize(bytes);
  if (refusal !== undefined) throw new Refused(refusal);
}

function refusalOf(error: unknown, coding: string): Outcome {
  if (error instanceof Refused) return error.outcome;
  if (error instanceof CorruptError || isZlibError(error)) {
    const message = `cannot decompress the ${coding} body: ${error.message}`;
    return { kind: 'rejected', reason: 'corrupt_body', message };
  }
  throw error;
}

function isZlibError(error: unknown): error is Error {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  return /^(?:Z_|ZSTD_|ERR_TRAILING_JUNK)/.test(code);
}

/** The size in the trailer of the last member, when it can be true; -1 when it cannot. */
function gzipHint(body: Bytes): number {
  if (body.length < 18) return 0;
  const view = new DataView(body.buffer, body.byteOffset + body.length - 4, 4);
  const claimed = view.getUint32(0, true);
  return claimed > body.length * MAX_DEFLATE_RATIO ? -1 : claimed;
}

const MAX_DEFLATE_RATIO = 1032;

/** Whether a deflate body is wrapped as zlib does: both are sent under that name. */
function isZlib(body: Bytes): boolean {
  const first = body[0] ?? 0;
  return (first & 0x0f) === 8 && ((first << 8) | (body[1] ?? 0)) % 31 === 0;
}
