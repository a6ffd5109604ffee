/** A sender and a backend of remote-write 1.0 that know every sample of every series. */
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { snappyBlock } from '../../src/net/codec/snappy-compress.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');
const snappy = createRequire(import.meta.url)('snappyjs') as {
  uncompress(bytes: Uint8Array): Uint8Array;
};

/** A sample that arrived: its time, and the number of the connection it came over. */
export interface Arrived {
  readonly timestamp: number;
  readonly connection: number;
}

/** How the backend answers a request that has these series. */
export type Manner = (
  series: readonly string[],
  at: SeriesSink,
) => { readonly status?: number; readonly delayMs?: number };

/** A backend that accepts unless its manner says otherwise. */
export class SeriesSink {
  /** Accepted samples by the value of the label `id`, in the order of their requests. */
  readonly series = new Map<string, Arrived[]>();
  requests = 0;
  underWay = 0;
  mostUnderWay = 0;
  /** Series that were in two requests under way at once. */
  readonly clashes = new Set<string>();
  manner: Manner = () => ({});
  readonly #busy = new Map<string, number>();
  readonly #connections = new Map<object, number>();
  readonly #server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => this.#take(request, response, Buffer.concat(parts)));
  });

  /** Listens on `port`, or on any. */
  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/v1/write`;
  }

  /** Accepted samples. */
  get samples(): number {
    let samples = 0;
    for (const arrived of this.series.values()) samples += arrived.length;
    return samples;
  }

  /** Series whose samples did not come in the order of their times, each once. */
  get disordered(): readonly string[] {
    return [...this.series]
      .filter(([, arrived]) =>
        arrived.some(({ timestamp }, at) => at > 0 && timestamp <= arrived[at - 1]!.timestamp),
      )
      .map(([id]) => id);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse, body: Buffer): void {
    const { timeseries } = REQUEST.toObject(REQUEST.decode(snappy.uncompress(body)), {
      longs: Number,
      arrays: true,
      defaults: true,
    }) as { timeseries: { labels: Label[]; samples: { timestamp: number }[] }[] };
    const named = timeseries.map(({ labels, samples }) => ({
      id: labels.find(({ name }) => name === 'id')?.value ?? '',
      samples,
    }));
    const ids = named.map(({ id }) => id);
    this.requests += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    for (const id of new Set(ids)) {
      const busy = (this.#busy.get(id) ?? 0) + 1;
      this.#busy.set(id, busy);
      if (busy > 1) this.clashes.add(id);
    }
    const { status = 204, delayMs = 0 } = this.manner(ids, this);
    const connection = this.#connections.get(request.socket) ?? this.#connections.size;
    this.#connections.set(request.socket, connection);
    const end = (): void => {
      this.underWay -= 1;
      for (const id of new Set(ids)) this.#busy.set(id, this.#busy.get(id)! - 1);
      if (status < 300) for (const { id, samples } of named) this.#keep(id, samples, connection);
      response.writeHead(status).end();
    };
    if (delayMs > 0) setTimeout(end, delayMs);
    else end();
  }

  #keep(id: string, samples: readonly { timestamp: number }[], connection: number): void {
    const arrived = this.series.get(id) ?? [];
    for (const { timestamp } of samples) arrived.push({ timestamp, connection });
    this.series.set(id, arrived);
  }
}

interface Label {
  readonly name: string;
  readonly value: string;
}

/** A request with one sample of each of these series. */
export function writeRequest(ids: readonly string[], timestamp: number): Uint8Array {
  const timeseries = ids.map((id) => ({
    labels: [
      { name: '__name__', value: 'numbers' },
      { name: 'id', value: id },
    ],
    samples: [{ value: 1, timestamp }],
  }));
  return snappyBlock(REQUEST.encode(REQUEST.fromObject({ timeseries })).finish());
}

/** Posts a request of 1.0; resolves with the status, 0 when the connection broke. */
export function post(to: http.RequestOptions, body: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        path: '/api/v1/write',
        method: 'POST',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
          'content-length': body.length,
        },
        ...to,
      },
      (response) => {
        response.resume();
        response.on('error', () => resolve(0));
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    request.on('error', () => resolve(0));
    request.end(body);
  });
}
