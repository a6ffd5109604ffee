import type { KafkaCompression } from './client.ts';
import { decompress, isRefusal } from '../decompress.ts';

/** Snappy as Java writes it: this, two versions of 4 bytes, then blocks behind their lengths. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEAD = 16;
/** What the records of one batch may become: the broker has taken them, so this only stops bombs. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Undoes the compression of the records of a batch. Throws on bytes that are not the codec's. */
export function undoRecords(codec: KafkaCompression, bytes: Buffer): Buffer {
  if (codec !== 'snappy' || !bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    return undo(codec, bytes);
  }
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEAD; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    if (length < 0 || at + 4 + length > bytes.length)
      throw new Error('snappy blocks are cut short');
    blocks.push(undo('snappy', bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

function undo(codec: KafkaCompression, bytes: Buffer): Buffer {
  const own = new Uint8Array(bytes);
  const plain = decompress(codec, own, { maxBytes: MAX_BYTES, resize: () => undefined });
  if (plain instanceof Promise) throw new Error('bug: records are undone at once');
  if (isRefusal(plain)) throw new Error('message' in plain ? plain.message : plain.kind);
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}
