import { z } from 'zod';
import { byteSize, ignored } from '../../../contract/settings.ts';
import {
  type HttpServerConfig,
  httpServerConfig,
  httpServerSettings,
} from '../../../net/listen/http-server-settings.ts';

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 10 * MIB;
const DEFAULT_MAX_DECODED = 32 * MIB;

const section = z.strictObject({
  ...httpServerSettings({ endpoint: 'localhost:9090' }),
  path: z
    .string()
    .regex(/^\//, 'must begin with /')
    .default('/api/v1/write')
    .describe('Where requests are sent.'),
  max_request_body_size: byteSize()
    .default(DEFAULT_MAX_BYTES)
    .describe('Largest body as it is on the wire; 0 for 10 MiB.'),
  max_decoded_size: byteSize()
    .default(DEFAULT_MAX_DECODED)
    .describe('Largest body without its compression; 0 for 32 MiB.'),
  compression_algorithms: ignored(
    z.array(z.string()),
    'remote-write bodies are snappy blocks and nothing else',
  ),
  label_cache_size: byteSize()
    .default(16 * MIB)
    .describe('Bytes per shard for label sets that arrive unsorted; 0 to sort each time.'),
});

/** Settings of the receiver. */
export interface Config extends HttpServerConfig {
  readonly path: string;
  /** Of a body on the wire. */
  readonly maxBytes: number;
  /** Of a body without its compression. */
  readonly maxDecodedBytes: number;
  readonly labelCacheBytes: number;
}

/** The section as users write it. */
export const settings = z
  .preprocess((value) => value ?? {}, section)
  .transform(
    (value): Config => ({
      ...httpServerConfig(value),
      path: value.path,
      maxBytes: value.max_request_body_size || DEFAULT_MAX_BYTES,
      maxDecodedBytes: value.max_decoded_size || DEFAULT_MAX_DECODED,
      labelCacheBytes: value.label_cache_size,
    }),
  );
