import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Numbers, numbersIn } from './numbers.ts';

/** A request as a backend sees it. */
export interface Arrived {
  readonly protocol: 'http' | 'grpc';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** What a backend answers. What it answers 200 (or code 0) counts as taken. */
export interface Verdict {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Of gRPC. */
  readonly code?: number;
  readonly details?: Uint8Array;
  readonly delayMs?: number;
}

/** One request that was taken. */
export interface Taken {
  readonly at: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly numbers: readonly number[];
}

const OK: Verdict = {};

/**
 * An OTLP backend in this process that numbers are counted in. It may be closed and come back on
 * the ports it had.
 */
export class Backend {
  /** What to answer from now on. */
  manner: (request: Arrived) => Verdict = () => OK;
  readonly numbers = new Numbers();
  readonly taken: Taken[] = [];
  /** Times of all requests, taken or not. */
  readonly attempts: number[] = [];
  /** Ages of the first item of each request that was taken, in milliseconds. */
  readonly ages: number[] = [];
  http = 0;
  grpc = 0;
  #servers: Server[] = [];
  readonly #sessions = new Set<Http2Session>();

  static async start(): Promise<Backend> {
    const backend = new Backend();
    await backend.open();
    return backend;
  }

  /** Listens, on the same ports as before if there was a before. */
  async open(): Promise<void> {
    const http = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#onHttp(request, response);
    });
    const grpc = createHttp2Server({ settings: { initialWindowSize: 4 << 20 } });
    grpc.on('stream', (stream, headers) => this.#onGrpc(stream, headers));
    grpc.on('session', (session) => {
      session.setLocalWindowSize(16 << 20);
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => this.#sessions.delete(session));
    });
    this.http = await listen(http, this.http);
    this.grpc = await listen(grpc, this.grpc);
    this.#servers = [http, grpc];
  }

  /** Closes the ports and cuts all connections. */
  async close(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const session of this.#sessions) session.destroy();
    (servers[0] as ReturnType<typeof createServer> | undefined)?.closeAllConnections();
    await Promise.all(closed);
  }

  #onHttp(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const raw = Buffer.concat(parts);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const { headers } = request;
      const arrived: Arrived = { protocol: 'http', at: Date.now(), headers, body };
      this.#answer(arrived, (verdict) => {
        if (response.destroyed) return false;
        const content = { 'content-type': 'application/x-protobuf', ...verdict.headers };
        response.writeHead(verdict.status ?? 200, content);
        response.end(verdict.body);
        return true;
      });
    });
  }

  #onGrpc(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const raw = Buffer.concat(parts);
      const body = raw[0] === 1 ? gunzipSync(raw.subarray(5)) : raw.subarray(5);
      this.#answer({ protocol: 'grpc', at: Date.now(), headers, body }, (verdict) => {
        if (stream.destroyed) return false;
        answerCall(stream, verdict);
        return true;
      });
    });
  }

  /** Takes the request and answers it, after a while if so told; both or neither. */
  #answer(arrived: Arrived, write: (verdict: Verdict) => boolean): void {
    this.attempts.push(arrived.at);
    const verdict = this.manner(arrived);
    const found = numbersIn(arrived.body, arrived.at);
    const finish = (): void => {
      if (!write(verdict)) return;
      if ((verdict.status ?? 200) !== 200 || (verdict.code ?? 0) !== 0) return;
      for (const { number } of found) this.numbers.add(number);
      const numbers = found.map(({ number }) => number);
      this.taken.push({ at: arrived.at, headers: arrived.headers, numbers });
      if (found[0] !== undefined) this.ages.push(found[0].ageMs);
    };
    if (verdict.delayMs === undefined) finish();
    else setTimeout(finish, verdict.delayMs);
  }
}

function answerCall(stream: ServerHttp2Stream, verdict: Verdict): void {
  const trailers: Record<string, string> = { 'grpc-status': String(verdict.code ?? 0) };
  if (verdict.details !== undefined) {
    const text = Buffer.from(verdict.details).toString('base64').replace(/=+$/, '');
    trailers['grpc-status-details-bin'] = text;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if ((verdict.code ?? 0) !== 0) {
    stream.end();
    return;
  }
  const message = verdict.body ?? new Uint8Array();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
}

async function listen(server: Server | ReturnType<typeof createHttp2Server>, port: number) {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return (server.address() as AddressInfo).port;
}
