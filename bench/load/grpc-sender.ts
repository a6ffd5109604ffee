import { type ClientHttp2Session, connect } from 'node:http2';
import type { Answer, Sender, Target } from './http-sender.ts';

const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;

/**
 * Unary gRPC, one call under way per sender, one connection for as many senders as share the
 * session. gRPC statuses are answered as the HTTP status they stand for: 200, 503, 429, 500.
 */
export function grpcSender(session: ClientHttp2Session, target: Target): Sender {
  return {
    send: (body) => call(session, target, body),
    close: () => session.destroy(),
  };
}

/** A connection whose windows let it send large messages without waiting. */
export function openSession(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 256 });
    session.once('connect', () => resolve(session));
    session.on('error', reject);
  });
}

function call(session: ClientHttp2Session, target: Target, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const prefix = Buffer.alloc(5);
    prefix[0] = target.encoding === 'identity' ? 0 : 1;
    prefix.writeUInt32BE(body.length, 1);
    const stream = session.request({
      ':method': 'POST',
      ':path': target.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(target.encoding === 'identity' ? {} : { 'grpc-encoding': target.encoding }),
      ...(target.tenant === undefined ? {} : { 'x-scope-orgid': target.tenant }),
    });
    let status: number | undefined;
    let hinted = false;
    const read = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
      if (headers['grpc-status-details-bin'] !== undefined) hinted = true;
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('data', () => undefined);
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === undefined) reject(new Error('call ended without a status'));
      else resolve({ status: httpStatus(status), retryAfterSeconds: hinted ? 1 : undefined });
    });
    stream.write(prefix);
    stream.end(body);
  });
}

function httpStatus(code: number): number {
  if (code === 0) return 200;
  if (code === UNAVAILABLE) return 503;
  return code === RESOURCE_EXHAUSTED ? 429 : 500;
}
