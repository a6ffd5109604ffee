/**
 * The sink, a process of its own: takes OTLP over HTTP and gRPC on two ports, remote-write 1.0 on
 * the first of them, and reports what came. Started by `fork`; says `{ http, grpc }` when it listens, and answers messages.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { uncompressSync } from 'snappy';
import { SinkLedger } from './ledger.ts';

/** What the bench asks of the sink. */
export type SinkQuestion =
  | { readonly ask: 'report' }
  | { readonly ask: 'reset'; readonly numbered: boolean }
  | { readonly ask: 'missing'; readonly ranges: readonly (readonly [number, number])[] };

let ledger = new SinkLedger(false);

function inflate(encoding: string | undefined, body: Buffer): Buffer {
  if (encoding === 'gzip') return gunzipSync(body);
  if (encoding === 'zstd') return zstdDecompressSync(body);
  return body;
}

function unsnappy(body: Buffer): Buffer {
  return uncompressSync(body, { asBuffer: true, copyOutputData: true }) as Buffer;
}

function onHttp(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const now = Date.now();
    const encoding = request.headers['content-encoding'];
    const body = Buffer.concat(parts);
    if (encoding === 'snappy') ledger.takeSeries(unsnappy(body));
    else ledger.take(inflate(encoding, body), now);
    response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 });
    response.end();
  });
}

function onGrpc(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('error', () => undefined);
  stream.on('end', () => {
    const now = Date.now();
    const message = Buffer.concat(parts);
    const encoding = message[0] === 1 ? String(headers['grpc-encoding']) : undefined;
    ledger.take(inflate(encoding, message.subarray(5)), now);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
}

const http = createServer({ keepAliveTimeout: 120_000 }, onHttp);
const grpc = createHttp2Server({
  settings: { initialWindowSize: 8 << 20, maxConcurrentStreams: 1000 },
  maxSessionMemory: 256,
});
grpc.on('stream', onGrpc);
grpc.on('session', (session) => {
  session.setLocalWindowSize(64 << 20);
  session.on('error', () => undefined);
});

process.on('message', (question: SinkQuestion) => {
  if (question.ask === 'reset') ledger = new SinkLedger(question.numbered);
  const missing =
    question.ask === 'missing'
      ? question.ranges.reduce((sum, [from, to]) => sum + ledger.missing(from, to), 0)
      : 0;
  process.send?.({ ...ledger.report(), missing });
});
process.on('disconnect', () => process.exit(0));

http.listen(0, '127.0.0.1', () => {
  grpc.listen(0, '127.0.0.1', () => {
    const port = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
    process.send?.({ http: port(http), grpc: port(grpc) });
  });
});
