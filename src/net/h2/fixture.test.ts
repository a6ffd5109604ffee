import { once } from 'node:events';
import type { Socket } from 'node:net';
import net from 'node:net';
import type { SessionLimits } from './life.ts';
import { Http2Connections } from './connections.ts';
import { encodeHeaders } from './hpack/encoder.ts';
import { ERROR, FLAG, FRAME, PREFACE } from './protocol.ts';
import type { RequestHead } from './request-head.ts';
import type { Stream } from './stream.ts';

export const LIMITS: SessionLimits = {
  maxConcurrentStreams: 10,
  maxHeaderBytes: 4000,
  maxIdleMs: 0,
  maxAgeMs: 0,
  maxAgeGraceMs: 0,
  pingAfterMs: 0,
  pingTimeoutMs: 0,
  minPingIntervalMs: 0,
  pingWithoutStream: true,
};

export interface Echo extends AsyncDisposable {
  readonly port: number;
  readonly connections: Http2Connections;
  readonly heads: RequestHead[];
  readonly bugs: unknown[];
  /** Answers the streams that `hold` kept. */
  release(): void;
}

const OK = encodeHeaders([[':status', '200']]);

/** A server that answers with the body it got, when released; `/early` is answered by its head. */
export async function echo(limits: Partial<SessionLimits> = {}, hold = false): Promise<Echo> {
  const heads: RequestHead[] = [];
  const bugs: unknown[] = [];
  const held: (() => void)[] = [];
  const connections = new Http2Connections({
    limits: { ...LIMITS, ...limits },
    readTimeoutMs: 0,
    failed: (error) => bugs.push(error),
    open: (stream: Stream) => {
      heads.push(stream.head);
      const pieces: Buffer[] = [];
      stream.exchange = {
        data: (bytes, start, end) => void pieces.push(Buffer.from(bytes.subarray(start, end))),
        ended: () => {
          const answer = () => stream.answer(OK, Buffer.concat(pieces));
          if (hold) held.push(answer);
          else answer();
        },
        late: () => stream.reset(ERROR.cancel),
        closed: () => {},
      };
      if (stream.head.target === '/early') stream.answer(OK, Buffer.alloc(10));
    },
  });
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
    connections.accept(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    connections,
    heads,
    bugs,
    release: () => {
      for (const answer of held.splice(0)) answer();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** A frame with any header, right or wrong. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array | string = '',
): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, body]);
}

/** A number of 32 bits. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), u32(value)]);
}

export const SETTINGS = frame(FRAME.settings, 0, 0);
export const HEAD = encodeHeaders([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
]);

/** HEADERS with the end of headers, and of the stream unless `open`. */
export function headers(id: number, block: Buffer = HEAD, open = false): Buffer {
  return frame(FRAME.headers, FLAG.endHeaders | (open ? 0 : FLAG.endStream), id, block);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A client that says what it is told and keeps all frames it gets. */
export class RawClient {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  closed = false;
  #rest = Buffer.alloc(0);
  #woken = Promise.withResolvers<void>();

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => this.#read(chunk));
    this.socket.on('end', () => this.#end());
    this.socket.on('close', () => this.#end());
  }

  /** Says hello, then these. */
  open(...frames: Buffer[]): this {
    this.send(PREFACE, SETTINGS, ...frames);
    return this;
  }

  send(...frames: Buffer[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** The first frame that fits, or undefined when the server closes first. */
  async find(fits: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined || this.closed) return found;
      await this.#woken.promise;
    }
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const { length } = this.#rest;
      const end = length < 9 ? Number.POSITIVE_INFINITY : 9 + this.#rest.readUIntBE(0, 3);
      if (length < end) break;
      this.frames.push({
        type: this.#rest[3] ?? 0,
        flags: this.#rest[4] ?? 0,
        id: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }

  #end(): void {
    this.closed = true;
    this.socket.destroy();
    this.#wake();
  }

  #wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }
}
