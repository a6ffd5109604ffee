import { z } from 'zod';
import { byteSize, duration, ignored } from '../../../contract/settings.ts';
import {
  compression,
  outgoingHeaders,
  refuseTwoTenants,
  tenantHeader,
  unsupported,
} from '../../../net/client/settings.ts';
import { clientTlsSettings } from '../../../net/client-tls.ts';
import type { Codec } from '../../../net/compress.ts';
import { metadataProblem } from '../../../net/grpc-client.ts';

/** What an operator writes for `compression`, to the codec. In gRPC, snappy is the framed format. */
export const CODECS: Readonly<Record<string, Codec>> = {
  gzip: 'gzip',
  zstd: 'zstd',
  snappy: 'snappy_framed',
  none: 'none',
  '': 'none',
};

/** Where an endpoint points to. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket. */
  readonly path?: string;
  /** `true` when the scheme says TLS, `false` when it says plain text. */
  readonly secure?: boolean;
}

/**
 * Reads `host:port`, `http://host:port`, `https://host:port`, `dns:///host:port` or
 * `unix:///path`; undefined when it is none. The port may be left out for a scheme.
 */
export function parseEndpoint(endpoint: string): Address | undefined {
  const unix = /^unix:(?:\/\/)?(\/.+)$/.exec(endpoint)?.[1];
  if (unix !== undefined) return { host: 'localhost', port: 0, path: unix };
  const scheme = /^(https?|dns|passthrough):\/\/\/?/i.exec(endpoint);
  const kind = scheme?.[1]?.toLowerCase() ?? '';
  const rest = endpoint.slice(scheme?.[0].length ?? 0).replace(/\/$/, '');
  const parts = /^(\[[0-9a-f:.%]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?$/i.exec(rest);
  const fallback = kind === 'https' || kind === 'dns' ? 443 : kind === 'http' ? 80 : undefined;
  const port = parts?.[2] === undefined ? fallback : Number(parts[2]);
  if (parts === null || port === undefined || port < 1 || port > 65_535) return undefined;
  const host = (parts[1] ?? '').replace(/^\[|\]$/g, '');
  if (kind === 'https') return { host, port, secure: true };
  return kind === 'http' ? { host, port, secure: false } : { host, port };
}

const keepalive = z
  .strictObject({
    time: duration({ minMs: 1000 })
      .default(10_000)
      .describe('Silence after which a ping is sent; many servers allow no less than 10s.'),
    timeout: duration({ positive: true }).default(10_000).describe('Wait for the answer.'),
    permit_without_stream: z
      .boolean()
      .default(false)
      .describe('Pings while no request is under way too.'),
  })
  .describe('Pings that find out whether the server is still there; none unless set.');

/** Schema of an `otlp_grpc` section, without the keys of the shared delivery. */
export const schema = z
  .strictObject({
    endpoint: z
      .string({ error: 'is missing; write endpoint: host:4317' })
      .superRefine((value, context) => {
        if (parseEndpoint(value) !== undefined) return;
        const message = `${JSON.stringify(value)} is no address; write host:4317, https://host or unix:///path`;
        context.addIssue({ code: 'custom', message });
      })
      .meta({ examples: ['localhost:4317', 'https://host', 'unix:///run/otlp.sock'] })
      .describe('Server to send to; http:// means plain text, anything else TLS.'),
    tls: clientTlsSettings.prefault({}),
    compression: compression(CODECS),
    headers: outgoingHeaders(metadataProblem),
    tenant_header: tenantHeader(metadataProblem),
    keepalive: keepalive.nullish(),
    wait_for_ready: z
      .boolean()
      .default(false)
      .describe('Waits for a connection, up to the timeout, instead of failing at once.'),
    authority: z.string().min(1).optional().describe('Sent as :authority instead of the host.'),
    user_agent: z
      .string()
      .regex(/^[\x20-\x7e]+$/, { error: 'must be printable ASCII' })
      .optional()
      .describe('Sent instead of millrace/<version>.'),
    balancer_name: ignored(z.string(), 'one connection per shard goes to the address given'),
    read_buffer_size: ignored(byteSize(), 'answers are read as they come'),
    write_buffer_size: ignored(byteSize(), 'batches are written without a buffer'),
    auth: unsupported('put the credentials in headers, such as authorization: Bearer ${env:TOKEN}'),
    middlewares: unsupported('remove it'),
  })
  .superRefine(refuseTwoTenants);

/** A checked `otlp_grpc` section. */
export type Config = z.output<typeof schema>;
