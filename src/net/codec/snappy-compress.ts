/** Snappy as senders need it, block and framed: native where installed, snappyjs elsewhere. */
import { createRequire } from 'node:module';
import { sizeOfVarint, writeVarint } from '../../wire/varint.ts';
import { crc32c } from '../client/crc32c.ts';

const load = createRequire(import.meta.url);

type Compress = (input: Uint8Array) => Uint8Array;

/** Most that one frame may hold, by the format. */
const FRAME_BYTES = 65536;
const STREAM_IDENTIFIER = Uint8Array.from([
  0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59,
]);

let chosen: Compress | undefined;

/** One snappy block. */
export function snappyBlock(input: Uint8Array): Uint8Array {
  chosen ??= native() ?? portableSnappy();
  return chosen(input);
}

/**
 * One block of several inputs, each compressed where it lies: elements refer to what is in front of them
 * in their own input only, so that they follow one another under one length. Snappy itself looks no
 * further than 64 KiB back, so that nothing is lost with inputs of that size or more.
 */
export function snappyBlockOf(inputs: readonly Uint8Array[], byteLength: number): Uint8Array[] {
  const preamble = new Uint8Array(sizeOfVarint(byteLength));
  writeVarint(preamble, 0, byteLength);
  const parts: Uint8Array[] = [preamble];
  for (const input of inputs) {
    parts.push(snappyBlock(input).subarray(sizeOfVarint(input.length)));
  }
  return parts;
}

/** `snappyjs`: a quarter of the speed, the same format. */
export function portableSnappy(): Compress {
  const { compress } = load('snappyjs') as { readonly compress: Compress };
  return compress;
}

// frame: type (0 snappy, 1 plain), length of the rest (3 bytes, little endian), masked CRC-32C of
// the plain bytes, then the data.

/** `input` in frames of their own, the stream identifier first. */
export function snappyFrames(input: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [STREAM_IDENTIFIER];
  for (let start = 0; start < input.length; start += FRAME_BYTES) {
    const end = Math.min(start + FRAME_BYTES, input.length);
    const plain = input.subarray(start, end);
    const packed = snappyBlock(plain);
    const small = packed.length < plain.length - plain.length / 8;
    const data = small ? packed : plain;
    const frame = new Uint8Array(8 + data.length);
    const view = new DataView(frame.buffer);
    view.setUint32(0, ((data.length + 4) << 8) | (small ? 0 : 1), true);
    view.setUint32(4, mask(crc32c(input, start, end)), true);
    frame.set(data, 8);
    frames.push(frame);
  }
  return frames;
}

function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function native(): Compress | undefined {
  try {
    const snappy = load('snappy') as typeof import('snappy');
    // External buffers cost up to twice as much as a copy.
    return (input) => snappy.compressSync(input, { copyOutputData: true });
  } catch {
    return undefined;
  }
}
