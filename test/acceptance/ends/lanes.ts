import { Agent, request as httpRequest } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';

/** Where a gateway listens: a port of this machine, or the path of a socket. */
export type Address = number | string;

/** What a client hears; `code` is the gRPC status, -1 over HTTP. */
export interface Heard {
  readonly status: number;
  readonly code: number;
  /** Seconds of Retry-After over HTTP; 1 with any details over gRPC; undefined without a hint. */
  readonly hint: number | undefined;
  readonly message: string;
  readonly body: Buffer;
}

/** A way to send one request after the other. Rejects when nothing was heard. */
export interface Lane {
  send(body: Uint8Array): Promise<Heard>;
  close(): void;
}

/** What goes with every request. */
export interface Extras {
  readonly signal?: 'traces' | 'logs' | 'metrics';
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Content coding of the bodies; none when absent. */
  readonly encoding?: string;
  readonly json?: boolean;
}

/** HTTP/1.1 over a connection of its own, which is opened again when it was cut. */
export function httpLane(address: Address, extras: Extras = {}): Lane {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const where = typeof address === 'string' ? { socketPath: address } : { port: address };
  const { signal = 'traces', encoding, json = false } = extras;
  const send = (body: Uint8Array): Promise<Heard> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({
        ...where,
        host: '127.0.0.1',
        agent,
        method: 'POST',
        path: `/v1/${signal}`,
        headers: {
          'content-type': json ? 'application/json' : 'application/x-protobuf',
          'content-length': body.length,
          ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
          ...extras.headers,
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const hint = response.headers['retry-after'];
          const answer = Buffer.concat(parts);
          resolve({
            status: response.statusCode ?? 0,
            code: -1,
            hint: hint === undefined ? undefined : Number(hint),
            message: answer.toString('latin1'),
            body: answer,
          });
        });
      });
      request.end(body);
    });
  return { send, close: () => agent.destroy() };
}

/** An HTTP/2 connection. */
export function openSession(address: Address): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const socket =
      typeof address === 'string' ? connectSocket(address) : connectSocket(address, '127.0.0.1');
    const session = connect('http://127.0.0.1', {
      maxSessionMemory: 256,
      createConnection: () => socket,
    });
    session.once('connect', () => resolve(session));
    session.on('error', reject);
  });
}

const SERVICES = {
  traces: 'trace.v1.TraceService',
  logs: 'logs.v1.LogsService',
  metrics: 'metrics.v1.MetricsService',
} as const;

/** Unary gRPC over a connection that several lanes may share; its owner closes it. */
export function grpcLane(session: ClientHttp2Session, extras: Extras = {}): Lane {
  const { signal = 'traces', encoding, headers: own = {} } = extras;
  const head = {
    ':method': 'POST',
    ':path': `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(encoding === undefined ? {} : { 'grpc-encoding': encoding }),
    ...own,
  };
  const send = (body: Uint8Array): Promise<Heard> =>
    new Promise((resolve, reject) => {
      const stream = session.request(head);
      const seen: Record<string, string | string[] | number | undefined> = {};
      const parts: Buffer[] = [];
      stream.on('response', (headers) => Object.assign(seen, headers));
      stream.on('trailers', (trailers) => Object.assign(seen, trailers));
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('close', () => {
        if (seen['grpc-status'] === undefined) reject(new Error('call ended without a status'));
        resolve({
          status: Number(seen[':status']),
          code: Number(seen['grpc-status']),
          hint: seen['grpc-status-details-bin'] === undefined ? undefined : 1,
          message: seen['grpc-message']?.toString() ?? '',
          body: Buffer.concat(parts),
        });
      });
      const prefix = Buffer.alloc(5);
      prefix[0] = encoding === undefined ? 0 : 1;
      prefix.writeUInt32BE(body.length, 1);
      stream.write(prefix);
      stream.end(body);
    });
  return { send, close: () => undefined };
}
