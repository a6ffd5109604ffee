import { Bench } from 'tinybench';
import type { Bytes } from '../../src/contract/batch.ts';
import { decodeJson } from '../../src/formats/otlp/json/decode.ts';
import { encodeJson } from '../../src/formats/otlp/json/encode.ts';
import { type Codec, compress } from '../../src/net/compress.ts';
import { decompress } from '../../src/net/decompress.ts';
import { sampleTraces } from './requests.ts';

const CODECS: readonly Codec[] = ['gzip', 'zstd', 'snappy', 'lz4'];
const LIMIT = 64 * 1024 * 1024;

/** Compression and JSON of one request of 512 spans (about 207 kB). */
export function codecBench(timeMs = 500): Bench {
  const request = sampleTraces({ items: 512 });
  const json = encodeJson('traces', [request]);
  const bench = new Bench({ name: 'codecs, 512 spans', time: timeMs });
  for (const codec of CODECS) {
    let packed: Bytes | undefined;
    bench.add(
      `compress ${codec}`,
      async () => {
        await compress(codec, [request], request.length);
      },
      {
        beforeAll: async () => {
          const body = await compress(codec, [request], request.length);
          packed = new Uint8Array(Buffer.concat(body.chunks));
        },
      },
    );
    bench.add(`decompress ${codec}`, async () => {
      if (packed === undefined) throw new Error('bug: nothing was compressed');
      await decompress(codec, packed, { maxBytes: LIMIT, resize: () => undefined });
    });
  }
  bench.add('OTLP/JSON to protobuf', () => {
    decodeJson('traces', json);
  });
  bench.add('protobuf to OTLP/JSON', () => {
    encodeJson('traces', [request]);
  });
  return bench;
}
