/**
 * The load generator, a process of its own: takes a `LoadOrder` as its one argument (JSON), runs
 * it, and prints a `LoadReport` (JSON). Closed loop without a rate, open loop with one.
 */
import { performance } from 'node:perf_hooks';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressSync as snappySync } from 'snappy';
import { PointsPayload, type PointsShape } from './data-points.ts';
import { grpcSender, openSession } from './grpc-sender.ts';
import { httpSender, type Sender, type Target } from './http-sender.ts';
import { type Payload, payloadOf, type Shape } from './payload.ts';
import { SeriesPayload, type SeriesShape } from './series.ts';

/** What to send, and how. */
export interface LoadOrder {
  readonly protocol: 'http' | 'grpc';
  readonly port: number;
  readonly shape: Shape | SeriesShape | PointsShape;
  /** Where to post to; what OTLP or remote-write says when absent. */
  readonly path?: string;
  /** Snappy is compressed anew for every request, so that its items are numbered. */
  readonly encoding: 'identity' | 'gzip' | 'zstd' | 'snappy';
  /** Requests under way at once; over HTTP each has a connection of its own. */
  readonly connections: number;
  /** gRPC connections that the requests share; a quarter as many as there are when not given. */
  readonly sessions?: number;
  readonly seconds: number;
  /** Requests per second in all; absent: as fast as answers come. */
  readonly rate?: number;
  readonly tenant?: string;
  /** Number of the first item. */
  readonly first?: number;
  /** Whether refused requests are sent again, as a conforming client does. */
  readonly resend?: boolean;
}

/** What came of it. */
export interface LoadReport {
  readonly seconds: number;
  /** Requests and items that were answered with success. */
  readonly requests: number;
  readonly items: number;
  readonly refused: number;
  readonly refusedWithoutHint: number;
  readonly failed: number;
  /** Number after the last item that was sent; below it, the ranges that were not acknowledged. */
  readonly next: number;
  readonly unacknowledged: readonly (readonly [number, number])[];
}

/** Bodies that are compressed beforehand are sent round and round: their numbers repeat. */
const COMPRESSED_BODIES = 32;

class Load {
  readonly #order: LoadOrder;
  #next: number;
  #requests = 0;
  #refused = 0;
  #refusedWithoutHint = 0;
  #failed = 0;
  readonly #unacknowledged: [number, number][] = [];
  readonly #compressed: Uint8Array[];

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#next = order.first ?? 0;
    const isFixed = order.encoding === 'gzip' || order.encoding === 'zstd';
    this.#compressed = isFixed ? compressedBodies(order) : [];
    if (isFixed) this.#next += COMPRESSED_BODIES * order.shape.items;
  }

  async run(): Promise<LoadReport> {
    const senders = await openSenders(this.#order);
    const started = performance.now();
    const end = started + this.#order.seconds * 1000;
    await Promise.all(senders.map((sender, index) => this.#drive(sender, index, end)));
    for (const sender of senders) sender.close();
    return {
      seconds: (performance.now() - started) / 1000,
      requests: this.#requests,
      items: this.#requests * this.#order.shape.items,
      refused: this.#refused,
      refusedWithoutHint: this.#refusedWithoutHint,
      failed: this.#failed,
      next: this.#next,
      unacknowledged: this.#unacknowledged,
    };
  }

  async #drive(sender: Sender, index: number, end: number): Promise<void> {
    const { rate, connections } = this.#order;
    const payload = newPayload(this.#order.shape, index);
    const everyMs = rate === undefined ? 0 : (1000 * connections) / rate;
    let due = performance.now() + (everyMs * index) / connections;
    for (let turn = index; performance.now() < end; turn += 1) {
      if (everyMs > 0) {
        await until(due);
        due += everyMs;
      }
      await this.#one(sender, payload, turn, end);
    }
  }

  async #one(sender: Sender, payload: Numbered, turn: number, end: number): Promise<void> {
    const first = this.#next;
    const body = this.#body(payload, turn);
    do {
      try {
        const answer = await sender.send(body);
        if (answer.status < 300) {
          this.#requests += 1;
          return;
        }
        this.#refused += 1;
        if (answer.retryAfterSeconds === undefined) this.#refusedWithoutHint += 1;
        await until(performance.now() + 20);
      } catch {
        this.#failed += 1;
        await until(performance.now() + 20);
      }
    } while (this.#order.resend === true && performance.now() < end);
    if (this.#compressed.length === 0) this.#unacknowledged.push([first, first + payload.items]);
  }

  #body(payload: Numbered, turn: number): Uint8Array {
    if (this.#compressed.length > 0)
      return this.#compressed[turn % COMPRESSED_BODIES] as Uint8Array;
    payload.number(this.#next, Date.now());
    this.#next += payload.items;
    if (this.#order.encoding !== 'snappy') return payload.bytes;
    return snappySync(payload.bytes, { copyOutputData: true });
  }
}

/** A request that can be numbered again and again. */
type Numbered = Pick<Payload, 'bytes' | 'items' | 'number'>;

function newPayload(shape: LoadOrder['shape'], sender: number): Numbered {
  if (shape.signal === 'series') return new SeriesPayload(shape, sender);
  return shape.signal === 'metrics' ? new PointsPayload(shape, sender) : payloadOf(shape);
}

function compressedBodies(order: LoadOrder): Uint8Array[] {
  const payload = newPayload(order.shape, 0);
  const compress = order.encoding === 'gzip' ? gzipSync : zstdCompressSync;
  return Array.from({ length: COMPRESSED_BODIES }, (_, index) => {
    payload.number((order.first ?? 0) + index * payload.items, Date.now());
    return compress(payload.bytes);
  });
}

async function openSenders(order: LoadOrder): Promise<Sender[]> {
  const target: Target = {
    port: order.port,
    path: pathOf(order),
    encoding: order.encoding,
    ...(order.tenant === undefined ? {} : { tenant: order.tenant }),
  };
  if (order.protocol === 'http') {
    return Promise.all(Array.from({ length: order.connections }, () => httpSender(target)));
  }
  const sessions = await Promise.all(
    Array.from({ length: order.sessions ?? Math.ceil(order.connections / 4) }, () =>
      openSession(order.port),
    ),
  );
  return Array.from({ length: order.connections }, (_, index) => {
    const session = sessions[index % sessions.length];
    if (session === undefined) throw new Error('bug: a session for every sender expected');
    return grpcSender(session, target);
  });
}

function pathOf(order: LoadOrder): string {
  const { signal } = order.shape;
  if (order.path !== undefined) return order.path;
  if (signal === 'series') return '/api/v1/write';
  if (order.protocol === 'http') return `/v1/${signal}`;
  const service = signal === 'traces' ? 'trace.v1.TraceService' : 'logs.v1.LogsService';
  return `/opentelemetry.proto.collector.${service}/Export`;
}

function until(time: number): Promise<void> {
  const wait = time - performance.now();
  return wait <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, wait));
}

const order = process.argv[2];
if (order === undefined) throw new Error('usage: generator.ts ORDER (JSON)');
const report = await new Load(JSON.parse(order) as LoadOrder).run();
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
