import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import type { TestContext } from 'node:test';
import type { Outcome } from '../../src/contract/outcome.ts';
import { GrpcClient, type GrpcClientOptions, type GrpcReply } from '../../src/net/grpc-client.ts';

/** A signal that never aborts. */
export const FOREVER = new AbortController().signal;
/** The method that `call` calls. */
export const PATH = '/test.Service/Method';

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** Answers OK with what `body` says, once the whole message is here. */
export function answer(stream: http2.ServerHttp2Stream, body = Buffer.alloc(0), code = '0'): void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
  stream.end(Buffer.concat([prefix, body]));
}

/** An HTTP/2 server, and the sessions it has had. */
export async function serve(t: TestContext, handler: Handler, at: net.ListenOptions = {}) {
  const sessions: http2.ServerHttp2Session[] = [];
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
    t.after(() => session.destroy());
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  server.listen({ host: '127.0.0.1', port: 0, ...at });
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, sessions, server };
}

/** A client that is closed after the test. */
export function clientFor(t: TestContext, port: number, options: Partial<GrpcClientOptions> = {}) {
  const client = new GrpcClient({ host: '127.0.0.1', port, userAgent: 'test/1', ...options });
  t.after(() => client.close());
  return client;
}

/** Calls with a chunk per letter of `text`. */
export function call(client: GrpcClient, text = '', signal = FOREVER) {
  const chunks = text.split('').map((letter) => Buffer.from(letter));
  return client.call({ path: PATH, chunks, byteLength: chunks.length }, signal);
}

/** The status that must have been the answer. */
export function reply(answered: GrpcReply | Outcome): GrpcReply {
  assert.ok(!('kind' in answered), JSON.stringify(answered));
  return answered;
}

/** The retry that must have been the answer. */
export function retry(answered: GrpcReply | Outcome): Outcome & { kind: 'retry' } {
  assert.ok('kind' in answered && answered.kind === 'retry', JSON.stringify(answered));
  return answered;
}

/** A port where nobody listens. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** A network in front of a server, whose first connection can fall silent. */
export async function relay(t: TestContext, to: () => number) {
  const pairs: net.Socket[][] = [];
  const server = net.createServer((socket) => {
    const onward = net.connect(to(), '127.0.0.1');
    pairs.push([socket, onward]);
    for (const end of [socket, onward]) {
      end.on('error', () => {});
      t.after(() => end.destroy());
    }
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const silence = () => {
    for (const end of pairs[0] ?? []) end.unpipe().pause();
  };
  return { port, silence };
}
