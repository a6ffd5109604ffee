import { z } from 'zod';
import type {
  ExporterDefinition,
  ExtensionDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../src/contract/component.ts';
import type { Modules, Registry } from '../../src/contract/registry.ts';
import {
  byteSize,
  headers,
  ignored,
  listenAddress,
  retired,
  secret,
  section,
} from '../../src/contract/settings.ts';

const receiver = {
  decode: () => ({ kind: 'rejected', reason: 'fake', message: 'nothing is read here' }) as const,
};
const exporter = { send: async () => ({ kind: 'accepted' }) as const };

const protocol = section(
  z.strictObject({
    endpoint: listenAddress().default('localhost:4317'),
    max_recv_msg_size_mib: z.int().min(1).optional(),
  }),
);

const otlp: ReceiverDefinition = {
  type: 'otlp',
  summary: 'Receives OTLP.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  schema: section(
    z.strictObject({
      protocols: z.strictObject({ grpc: protocol.optional(), http: protocol.optional() }),
    }),
  ),
  create: () => receiver,
};

const scrape: ReceiverDefinition = {
  type: 'scrape',
  summary: 'Receives metrics only.',
  stability: 'alpha',
  signals: ['metrics'],
  schema: section(z.strictObject({})),
  create: () => receiver,
};

const batch: ProcessorDefinition = {
  type: 'batch',
  summary: 'Batches.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  schema: section(z.strictObject({ send_batch_size: z.int().min(0).default(8192) })),
  notes: () => ['is mapped on to the batching of the exporters'],
  batching: () => ({
    flushTimeoutMs: 200,
    minSize: 8192,
    maxSize: 0,
    sizer: 'items',
    metadataKeys: [],
  }),
};

const delivered: ExporterDefinition = {
  type: 'otlp_http',
  aliases: ['otlphttp'],
  summary: 'Sends OTLP over HTTP.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  delivery: { timeoutMs: 30_000 },
  schema: section(
    z.strictObject({
      endpoint: z.string().describe('Where to.'),
      compression: z.enum(['gzip', 'zstd', 'none']).default('gzip'),
      headers: headers(),
      token: secret().min(8).optional(),
      buffer: byteSize().prefault(0),
      tls: section(
        z.strictObject({ insecure: z.boolean().default(false), key_pem: secret().optional() }),
      ).prefault({}),
      old: retired('it is called endpoint now'),
      quirk: ignored(z.boolean(), 'there are no quirks'),
    }),
  ),
  create: () => exporter,
};

const grpc: ExporterDefinition = {
  ...delivered,
  type: 'otlp_grpc',
  aliases: ['otlp'],
  delivery: {},
};

const debug: ExporterDefinition = {
  type: 'debug',
  replaces: ['logging'],
  summary: 'Prints.',
  stability: 'beta',
  signals: ['traces', 'logs'],
  delivery: 'none',
  schema: section(z.strictObject({ verbosity: z.enum(['basic', 'detailed']).default('basic') })),
  create: () => exporter,
};

const health: ExtensionDefinition = {
  type: 'health_check',
  summary: 'Answers whether all is well.',
  stability: 'beta',
  schema: section(z.strictObject({ endpoint: listenAddress().default('localhost:13133') })),
  create: () => ({}),
};

/** A registry of components that only have settings, and the types whose modules were loaded. */
export function fakeRegistry(): {
  readonly registry: Registry;
  readonly loaded: readonly string[];
} {
  const loaded: string[] = [];
  const modules = <D extends { readonly type: string }>(...definitions: readonly D[]): Modules<D> =>
    Object.fromEntries(
      definitions.map((definition) => [
        definition.type,
        async () => {
          loaded.push(definition.type);
          return { default: definition };
        },
      ]),
    );
  const registry = {
    receivers: modules(otlp, scrape),
    processors: modules(batch),
    exporters: modules(debug, grpc, delivered),
    extensions: modules(health),
  };
  return { registry, loaded };
}
