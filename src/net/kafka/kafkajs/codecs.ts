/** Codecs that kafkajs leaves to its users, and its gzip at our level: those of this program. */
import kafkajs from 'kafkajs';
import { type Codec, compress } from '../../compress.ts';
import { undoRecords } from '../undo.ts';

/** The buffer that the records of a batch were written to. */
interface Encoder {
  readonly buffer: Buffer;
}

const { CompressionCodecs, CompressionTypes } = kafkajs;
let registered = false;

/** Registers all codecs, once in a thread. */
export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  for (const [type, codec] of [
    [CompressionTypes.GZIP, 'gzip'],
    [CompressionTypes.Snappy, 'snappy'],
    [CompressionTypes.LZ4, 'lz4'],
    [CompressionTypes.ZSTD, 'zstd'],
  ] as const) {
    CompressionCodecs[type] = () => ({
      compress: (encoder: Encoder) => packed(codec, encoder.buffer),
      decompress: (bytes: Buffer) => Promise.resolve(undoRecords(codec, bytes)),
    });
  }
}

async function packed(codec: Codec, bytes: Buffer): Promise<Buffer> {
  const { chunks, byteLength } = await compress(codec, [bytes], bytes.length);
  return Buffer.concat(chunks, byteLength);
}
