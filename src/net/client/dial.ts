/** Opens connections for the clients: TCP or unix socket, through a proxy, with TLS. */
import net from 'node:net';
import tls from 'node:tls';
import type { ClientTls } from '../client-tls.ts';

/** Where a client connects to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; then host and port only name the peer. */
  readonly path?: string;
  /** Present for TLS. */
  readonly tls?: ClientTls;
  /** Protocols to offer in the handshake. */
  readonly alpn?: readonly string[];
}

/** A proxy that is asked to CONNECT. */
export interface Proxy {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Value of `proxy-authorization`. */
  readonly authorization?: string;
}

/** Longest that name resolution, TCP, proxy and TLS handshake may take together. */
const CONNECT_TIMEOUT_MS = 30_000;
const TCP_KEEP_ALIVE_MS = 30_000;
const MAX_PROXY_HEAD = 16 * 1024;

/**
 * A connected socket, the handshake done. Rejects with what went wrong; with the reason of
 * `signal` once that aborts. Nothing stays open after a rejection.
 */
export async function dial(
  target: Target,
  proxy: Proxy | undefined,
  signal: AbortSignal,
): Promise<net.Socket> {
  signal.throwIfAborted();
  let socket: net.Socket | undefined;
  let giveUp: ((reason: unknown) => void) | undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  const onAbort = () => giveUp?.(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => giveUp?.(new Error(`no connection after ${CONNECT_TIMEOUT_MS / 1000}s`)),
    CONNECT_TIMEOUT_MS,
  );
  const use = (next: net.Socket): net.Socket => {
    socket = next;
    // Whatever happens to a socket after its step is over must not end the process.
    return next.on('error', () => {});
  };
  try {
    return await Promise.race([establish(target, proxy, use), interrupted]);
  } catch (error) {
    socket?.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function establish(
  target: Target,
  proxy: Proxy | undefined,
  use: (socket: net.Socket) => net.Socket,
): Promise<net.Socket> {
  const raw = use(
    target.path === undefined
      ? net.connect({ host: proxy?.host ?? target.host, port: proxy?.port ?? target.port })
      : net.connect({ path: target.path }),
  );
  raw.setNoDelay(true);
  raw.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  await opened(raw, 'connect');
  let plain = raw;
  if (proxy !== undefined) {
    if (proxy.tls) {
      plain = use(tls.connect({ socket: raw, servername: nameOf(proxy.host) }));
      await opened(plain, 'secureConnect');
    }
    await askProxy(plain, target, proxy);
  }
  if (target.tls === undefined) return plain;
  const secured = use(
    tls.connect({
      ...target.tls.options(target.host),
      socket: plain,
      ...(target.alpn === undefined ? {} : { ALPNProtocols: [...target.alpn] }),
    }),
  );
  await opened(secured, 'secureConnect');
  return secured;
}

/** SNI may carry names only. */
function nameOf(host: string): string {
  return net.isIP(host) === 0 ? host : '';
}

function opened(socket: net.Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off(event, settle);
      socket.off('error', settle);
      socket.off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = () => settle(new Error('the peer closed the connection in the handshake'));
    socket.once(event, settle);
    socket.once('error', settle);
    socket.once('close', closed);
  });
}

async function askProxy(socket: net.Socket, target: Target, proxy: Proxy): Promise<void> {
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  const credentials =
    proxy.authorization === undefined ? '' : `proxy-authorization: ${proxy.authorization}\r\n`;
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${credentials}\r\n`,
    'latin1',
  );
  const head = await proxyHead(socket);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined || !status.startsWith('2')) {
    throw new Error(`the proxy ${proxy.host}:${proxy.port} answered ${status ?? 'no HTTP'}`);
  }
}

/** The head of the proxy's answer; nothing may follow it, because the server speaks second. */
function proxyHead(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = '';
    const done = (error?: Error) => {
      socket.off('data', onData);
      socket.off('error', done);
      socket.off('close', onClose);
      socket.pause();
      if (error === undefined) resolve(head);
      else reject(error);
    };
    const onData = (bytes: Buffer) => {
      head += bytes.toString('latin1');
      if (head.includes('\r\n\r\n')) done();
      else if (head.length > MAX_PROXY_HEAD) done(new Error('the answer of the proxy is too long'));
    };
    const onClose = () => done(new Error('the proxy closed the connection'));
    socket.on('data', onData);
    socket.once('error', done);
    socket.once('close', onClose);
  });
}
