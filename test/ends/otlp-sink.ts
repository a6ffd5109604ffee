import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import type { Signal } from '../../src/contract/batch.ts';
import { type MessageName, REQUEST, SCHEMA } from '../../src/formats/otlp/schema.ts';

/** One request that a sink took. */
export interface Taken {
  readonly signal: Signal;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly contentType: string;
  /** Uncompressed. */
  readonly body: Buffer;
}

/** How a sink behaves from now on. */
export interface Manner {
  /** HTTP status; gRPC answers 14 (UNAVAILABLE) for anything but 200. */
  status: number;
  delayMs: number;
}

/** A backend that takes OTLP over HTTP and gRPC and keeps what came. */
export interface OtlpSink {
  readonly http: number;
  readonly grpc: number;
  readonly taken: Taken[];
  readonly manner: Manner;
  close(): Promise<void>;
}

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    (Object.keys(SCHEMA) as MessageName[]).map((name) => [
      name,
      {
        fields: Object.fromEntries(
          SCHEMA[name].map((field) => [
            field.jsonName,
            {
              id: field.number,
              type: field.type === 'enum' ? 'int32' : field.type,
              ...(field.repeated === true ? { rule: 'repeated' } : {}),
              ...(field.optional === true ? { options: { proto3_optional: true } } : {}),
            },
          ]),
        ),
      },
    ]),
  ),
});

/** A request as plain objects: 64-bit numbers as strings, bytes as hex. */
export function decodeRequest(signal: Signal, body: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(REQUEST[signal]);
  const plain = type.toObject(type.decode(body), { longs: String, bytes: Buffer });
  return JSON.parse(
    JSON.stringify(plain, (_key, value: unknown) => {
      if (isBufferJson(value)) return Buffer.from(value.data).toString('hex');
      if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
      return value;
    }),
  ) as Record<string, unknown>;
}

/** Starts a sink; `ports` binds given ones, so that a sink can come back where it was. */
export async function startSink(
  ports: { readonly http?: number; readonly grpc?: number } = {},
): Promise<OtlpSink> {
  const taken: Taken[] = [];
  const manner: Manner = { status: 200, delayMs: 0 };
  const http = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      setTimeout(() => {
        const type = request.headers['content-type'] ?? '';
        if (manner.status === 200) {
          const raw = Buffer.concat(parts);
          const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
          const signal = request.url?.slice(4) as Signal;
          taken.push({ signal, headers: request.headers, contentType: type, body });
        }
        response.writeHead(manner.status, { 'content-type': type });
        response.end(manner.status === 200 && type.includes('json') ? '{}' : undefined);
      }, manner.delayMs);
    });
  });
  const grpc = createHttp2Server();
  grpc.on('stream', (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      setTimeout(() => {
        const raw = Buffer.concat(parts);
        const message = raw[0] === 1 ? gunzipSync(raw.subarray(5)) : raw.subarray(5);
        const signal = /collector\.(\w+)\.v1/.exec(String(headers[':path']))?.[1];
        const ok = manner.status === 200;
        if (ok) {
          taken.push({
            signal: (signal === 'trace' ? 'traces' : signal) as Signal,
            headers: { ...headers } as Taken['headers'],
            contentType: String(headers['content-type']),
            body: message,
          });
        }
        if (stream.destroyed) return;
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc' },
          { waitForTrailers: true },
        );
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': ok ? '0' : '14' }));
        stream.end(ok ? Buffer.alloc(5) : undefined);
      }, manner.delayMs);
    });
  });
  const sessions = new Set<{ destroy(): void }>();
  grpc.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  await Promise.all([listen(http, ports.http), listen(grpc, ports.grpc)]);
  return {
    http: (http.address() as AddressInfo).port,
    grpc: (grpc.address() as AddressInfo).port,
    taken,
    manner,
    close: async () => {
      http.closeAllConnections();
      for (const session of sessions) session.destroy();
      await Promise.all([
        new Promise((resolve) => http.close(resolve)),
        new Promise((resolve) => grpc.close(resolve)),
      ]);
    },
  };
}

function listen(server: Pick<NetServer, 'listen' | 'once'>, port = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function isBufferJson(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return (
    typeof value === 'object' && value !== null && (value as { type?: string }).type === 'Buffer'
  );
}
