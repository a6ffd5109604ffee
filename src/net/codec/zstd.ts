import { CorruptError } from './corrupt.ts';

/** One frame of a zstd body: where it lies, and the size it claims to have when decoded. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** Undefined when the frame does not say. */
  readonly contentSize: number | undefined;
  /** Most bytes its blocks can hold. */
  readonly mostBytes: number;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MAX_BLOCK = 128 * 1024;
const RLE = 1;
const RESERVED = 3;

/**
 * Finds the frames of a body without decoding them; skippable frames are left out. Node decodes
 * the first frame of several and says nothing of the rest, so they have to be told apart here.
 */
export function zstdFrames(body: Uint8Array): ZstdFrame[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const frames: ZstdFrame[] = [];
  try {
    for (let at = 0; at < body.length; ) {
      const magic = view.getUint32(at, true);
      if (magic >>> 4 === SKIPPABLE >>> 4) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > body.length) throw new CorruptError('a skippable zstd frame is cut short');
        continue;
      }
      if (magic !== MAGIC) throw new CorruptError('not a zstd frame');
      const frame = readFrame(view, at);
      frames.push(frame);
      at = frame.end;
    }
  } catch (error) {
    if (error instanceof RangeError) throw new CorruptError('a zstd frame is cut short');
    throw error;
  }
  return frames;
}

/** Walks the header and the block headers of the frame at `start`. */
function readFrame(view: DataView, start: number): ZstdFrame {
  const descriptor = view.getUint8(start + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = start + 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  let contentSize: number | undefined;
  switch (descriptor >>> 6) {
    case 0:
      if (singleSegment) contentSize = view.getUint8(at++);
      break;
    case 1:
      contentSize = view.getUint16(at, true) + 256;
      at += 2;
      break;
    case 2:
      contentSize = view.getUint32(at, true);
      at += 4;
      break;
    default:
      contentSize = Number(view.getBigUint64(at, true));
      at += 8;
  }
  let mostBytes = 0;
  for (let last = false; !last; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === RESERVED) throw new CorruptError('a zstd block has a reserved type');
    mostBytes += type === 2 ? MAX_BLOCK : size;
    at += 3 + (type === RLE ? 1 : size);
  }
  if ((descriptor & 4) !== 0) at += 4;
  if (at > view.byteLength) throw new CorruptError('a zstd frame is cut short');
  return { start, end: at, contentSize, mostBytes };
}
