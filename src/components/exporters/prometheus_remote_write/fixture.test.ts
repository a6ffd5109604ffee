import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import protobuf from 'protobufjs';
import { exporterContext } from '../../../../test/ends/exporter.ts';
import { type Batch, batchOf, type Bytes, withChunks } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import { reflection } from '../../../formats/prometheus/reflection.ts';
import { countChunk } from '../../../formats/prometheus/walk.ts';
import definition from './index.ts';

const root = protobuf.Root.fromJSON(reflection());
const FORM = root.lookupType('Request');
const REQUEST_2 = root.lookupType('Request2');
const snappy = createRequire(import.meta.url)('snappyjs') as {
  uncompress(bytes: Uint8Array): Uint8Array;
};
const PLAIN = { longs: Number, arrays: true, objects: true } as const;

export const FOREVER: AbortSignal = new AbortController().signal;

/** A series of the form; everything but labels is as in the .proto. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples?: readonly object[];
  readonly histograms?: readonly object[];
  readonly exemplars?: readonly object[];
  readonly metadata?: object;
}

/** A chunk of the form; labels must be written in the order of their names. */
export function chunkOf(series: readonly Series[], metadata: readonly object[] = []): Bytes {
  const timeseries = series.map(({ labels, ...rest }) => ({ ...rest, labels: pairs(labels) }));
  return new Uint8Array(FORM.encode({ timeseries, metadata }).finish());
}

function pairs(labels: Readonly<Record<string, string>>): object[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value }));
}

/** Chunks as a batch of `tenant-1`. */
export function batchOfChunks(...chunks: readonly Bytes[]): Batch {
  const origin = { receiver: 'test', tenant: 'tenant-1', receivedAt: 0, metadata: {} };
  const empty = batchOf(new Uint8Array(0), 0, { signal: 'metrics', form: 'prometheus', origin });
  let items = 0;
  for (const chunk of chunks) {
    const { samples, histograms } = countChunk(chunk);
    items += samples + histograms;
  }
  return withChunks(empty, chunks, items);
}

/** A series of one sample. */
export function sample(name: string, value = 1, timestamp = 1000): Series {
  return { labels: { __name__: name, job: 'test' }, samples: [{ value, timestamp }] };
}

/** What came out of a request of 1.0, or of 2.0 with its references resolved. */
export interface Decoded {
  readonly names: readonly string[];
  readonly series: readonly DecodedSeries[];
  readonly metadata: readonly object[];
}

export interface DecodedSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Names in the order they came. */
  readonly order: readonly string[];
  readonly samples: readonly Readonly<Record<string, number>>[];
  readonly histograms: readonly Readonly<Record<string, unknown>>[];
  readonly exemplars: readonly Readonly<Record<string, unknown>>[];
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A request as the backend got it. */
export interface Received {
  readonly headers: http.IncomingHttpHeaders;
  /** Names and values as they came. */
  readonly rawHeaders: readonly string[];
  readonly path: string | undefined;
  /** Without snappy. */
  readonly body: Buffer;
  readonly decoded: Decoded;
  /** As protobufjs reads a request of 2.0. */
  readonly symbols: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a backend of 2.0 says of what it wrote. */
export function written(samples: number, histograms = 0, exemplars = 0): Record<string, string> {
  return {
    'X-Prometheus-Remote-Write-Samples-Written': String(samples),
    'X-Prometheus-Remote-Write-Histograms-Written': String(histograms),
    'X-Prometheus-Remote-Write-Exemplars-Written': String(exemplars),
  };
}

/** A backend that answers what it is told, `undefined` being the end of the connection. */
export async function backend(
  t: TestContext,
  answer: (request: Received, count: number) => Answer | undefined = () => ({ status: 204 }),
) {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const one = receivedOf(request, Buffer.concat(parts));
      const said = answer(one, received.push(one));
      if (said === undefined) return void request.socket.destroy();
      response.writeHead(said.status, { ...said.headers }).end(said.body ?? '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/api/v1/write`, received };
}

function receivedOf(request: http.IncomingMessage, packed: Buffer): Received {
  const body = Buffer.from(snappy.uncompress(packed));
  const { headers, rawHeaders, url: path } = request;
  const isV2 = (headers['content-type'] ?? '').includes('v2.Request');
  const { symbols } = isV2 ? message2(body) : { symbols: [] };
  const decoded = isV2 ? decode2(body) : decodeForm(body);
  return { headers, rawHeaders, path, body, decoded, symbols };
}

type Plain = Record<string, unknown>;

/** A request of 1.0, or a chunk of the form. */
export function decodeForm(body: Uint8Array): Decoded {
  const { timeseries, metadata } = FORM.toObject(FORM.decode(body), PLAIN) as {
    timeseries: (Plain & { labels: { name: string; value: string }[] })[];
    metadata: object[];
  };
  const series = timeseries.map(({ labels, ...rest }) => {
    const order = labels.map(({ name }) => name);
    const named = Object.fromEntries(labels.map(({ name, value }) => [name, value]));
    return { ...rest, labels: named, order } as unknown as DecodedSeries;
  });
  return { series, metadata, names: series.map(({ labels }) => labels['__name__'] ?? '') };
}

interface Message2 {
  symbols: string[];
  timeseries: (Plain & { labels_refs: number[]; exemplars: Plain[]; metadata?: Plain })[];
}

/** A request of 2.0 with its references as they are. */
export function message2(body: Uint8Array): Message2 {
  return REQUEST_2.toObject(REQUEST_2.decode(body), PLAIN) as unknown as Message2;
}

function decode2(body: Uint8Array): Decoded {
  const { symbols, timeseries } = message2(body);
  const series = timeseries.map(({ labels_refs, ...rest }) => {
    const order: string[] = [];
    const labels: Record<string, string> = {};
    for (let i = 0; i < labels_refs.length; i += 2) {
      const name = symbols[labels_refs[i]!]!;
      order.push(name);
      labels[name] = symbols[labels_refs[i + 1]!]!;
    }
    return { ...rest, labels, order } as unknown as DecodedSeries;
  });
  return { series, metadata: [], names: series.map(({ labels }) => labels['__name__'] ?? '') };
}

/** An exporter to `url`, from a section as users write it. */
export function exporterFor(t: TestContext, section: object, warnings?: string[]): Exporter {
  const exporter = definition.create(definition.schema.parse(section), exporterContext(warnings));
  t.after(() => exporter.stop?.(AbortSignal.abort()));
  return exporter;
}

export const V2 = { protobuf_message: 'io.prometheus.write.v2.Request' } as const;
