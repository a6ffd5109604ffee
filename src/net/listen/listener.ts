import { chmodSync, statSync, unlinkSync } from 'node:fs';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { InPlaceReading } from './in-place.ts';
import type { ServerTls } from './server-tls.ts';

/** Where to listen. */
export interface ListenOptions {
  /** `host:port`, or a path when `transport` is `unix`. */
  readonly address: string;
  readonly transport: 'tcp' | 'unix';
  /** Share the port with the other shards. Ignored for unix sockets. */
  readonly reusePort: boolean;
  readonly tls?: ServerTls;
  /** Offered in the TLS handshake, best first. */
  readonly alpn?: readonly string[];
  /** Whether sockets are read by `onBytes` and nothing else, which costs less. */
  readonly inPlace?: boolean;
  /** Connections at once; further ones are closed as they come. 0: no limit. */
  readonly maxConnections?: number;
}

/**
 * Called with each new connection, its TLS handshake done. The client may close its side first:
 * who uses the socket ends the other.
 */
export type OnConnection = (socket: Socket) => void;

/** Time a client has for its TLS handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const UNIX_SOCKET_MODE = 0o660;
const BACKLOG = 1024;

/**
 * Listening sockets of one address and the connections that came through them. `localhost` is
 * both loopback addresses, for clients resolve it to either.
 */
export class Listener {
  readonly #options: ListenOptions;
  readonly #onConnection: OnConnection;
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<Socket>();
  #stopWatching: (() => void) | undefined;

  constructor(options: ListenOptions, onConnection: OnConnection) {
    this.#options = options;
    this.#onConnection = onConnection;
  }

  /** Port in use, for address `…:0`; 0 on unix sockets and before `start`. */
  get port(): number {
    const address = this.#servers[0]?.address();
    return typeof address === 'object' && address !== null ? (address as AddressInfo).port : 0;
  }

  /** Open connections, those in their TLS handshake too. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves when all addresses are bound. */
  async start(): Promise<void> {
    const { address, transport, reusePort } = this.#options;
    try {
      if (transport === 'unix') {
        removeStaleSocket(address);
        await this.#bind({ path: address });
        chmodSync(address, UNIX_SOCKET_MODE);
        return;
      }
      const { host, port } = splitHostPort(address);
      if (host !== 'localhost') {
        await this.#bind({ host: host === '' ? '::' : host, port, reusePort });
        return;
      }
      await this.#bind({ host: '127.0.0.1', port, reusePort });
      await this.#bind({ host: '::1', port: this.port, reusePort, ipv6Only: true }).catch(
        ignoreMissingFamily,
      );
    } catch (error) {
      this.close();
      throw new Error(`cannot listen on ${address}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Takes no new connections. Idempotent; the connections go on. */
  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    for (const server of this.#servers) server.close();
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #bind(where: net.ListenOptions): Promise<void> {
    const server = this.#createServer();
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...where, backlog: BACKLOG }, () => {
        server.off('error', reject);
        // Running out of file descriptors while accepting is not a reason to end.
        server.on('error', () => {});
        resolve();
      });
    });
  }

  #createServer(): net.Server {
    const { tls: secure, alpn } = this.#options;
    if (secure === undefined) {
      const reading = this.#options.inPlace === true ? new InPlaceReading() : undefined;
      const pauseOnConnect = reading !== undefined;
      return net.createServer(
        { noDelay: true, allowHalfOpen: true, pauseOnConnect },
        (accepted) => {
          const socket = reading?.adopt(accepted) ?? accepted;
          if (this.#track(socket)) this.#onConnection(socket);
        },
      );
    }
    const server = tls.createServer({
      ...secure.options(),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      noDelay: true,
      allowHalfOpen: true,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    });
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('secureConnection', (socket) => {
      if (this.#track(socket)) this.#onConnection(socket);
    });
    // A failed handshake costs the client its connection and nobody else anything.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    const stop = secure.watch((options) => server.setSecureContext(options));
    const earlier = this.#stopWatching;
    this.#stopWatching = () => {
      earlier?.();
      stop();
    };
    return server;
  }

  #track(socket: Socket): boolean {
    // An error is always followed by close; who uses the socket hears of that.
    socket.on('error', () => {});
    const { maxConnections = 0 } = this.#options;
    if (maxConnections > 0 && this.#sockets.size >= maxConnections) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return true;
  }
}

/** Whether this platform lets several sockets share a port and spreads connections over them. */
export const canReusePort = process.platform === 'linux' || process.platform === 'freebsd';

/** Host and port of `host:port`, `:port` or `[v6]:port`. Throws when there is no port. */
export function splitHostPort(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`${JSON.stringify(address)} is not host:port; write localhost:4317`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

/** A client's address as people know it: IPv4 not dressed up as IPv6. */
export function clientAddressOf(socket: Socket): string | undefined {
  const address = socket.remoteAddress;
  return address?.startsWith('::ffff:') === true ? address.slice(7) : address;
}

function removeStaleSocket(path: string): void {
  // The supervisor has probed the address: a socket that is still here has no one behind it.
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}

function ignoreMissingFamily(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EADDRNOTAVAIL' && error.code !== 'EAFNOSUPPORT') throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
