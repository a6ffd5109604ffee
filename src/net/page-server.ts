import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Lifecycle } from '../contract/component.ts';
import type { Logger } from '../contract/context.ts';
import { compress } from './compress.ts';
import { Listener } from './listen/listener.ts';
import type { ServerTls } from './listen/server-tls.ts';

/** One answer for people, probes and scrapers. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  /** Text of a small page, or the bytes of a large one in pieces. */
  readonly body: string | readonly Uint8Array[];
  /** Called once when the answer has left or never will. */
  readonly release?: () => void;
}

/** What a page may look at: nothing of it is needed for most. */
export interface PageRequest {
  /** Without its query. */
  readonly path: string;
  readonly accept: string;
}

export interface PageServerOptions {
  /** `host:port`, or a path when `transport` is `unix`. */
  readonly address: string;
  /** `tcp` when absent. */
  readonly transport?: 'tcp' | 'unix';
  /** Share the port with the other shards; not when absent. */
  readonly reusePort?: boolean;
  /** What cannot start, and the setting to change, when the address is taken. */
  readonly what: string;
  readonly setting: string;
  readonly tls?: ServerTls;
  /** Told of pages that could not be made. */
  readonly log?: Logger;
  /** The page at a path; undefined where there is none. */
  readonly page: (request: PageRequest) => Page | Promise<Page> | undefined;
}

const MIN_COMPRESSED_LENGTH = 1024;
const MAX_CONNECTIONS = 256;
const MAX_HEADER_BYTES = 16_384;
const SOCKET_TIMEOUT_MS = 75_000;
/** For a client to take an answer, however slowly. */
const SEND_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_REQUESTS_PER_CONNECTION = 1000;

/**
 * A plain HTTP server for a handful of pages that are made on demand: self-metrics, health,
 * status. Not for telemetry. Answers GET and HEAD, compresses on request.
 */
export class PageServer implements Lifecycle {
  readonly #options: PageServerOptions;
  readonly #listener: Listener;
  readonly #http: http.Server;

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#http = http.createServer(
      { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS },
      (request, response) => void this.#answer(request, response),
    );
    this.#http.timeout = SOCKET_TIMEOUT_MS;
    this.#http.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    const { address, tls, transport = 'tcp', reusePort = false } = options;
    this.#listener = new Listener(
      {
        address,
        transport,
        reusePort,
        maxConnections: MAX_CONNECTIONS,
        ...(tls === undefined ? {} : { tls }),
      },
      (socket) => this.#http.emit('connection', socket),
    );
  }

  /** Port in use, for an address that ends in `:0`. */
  get port(): number {
    return this.#listener.port;
  }

  async start(): Promise<void> {
    try {
      await this.#listener.start();
    } catch (error) {
      const { what, setting } = this.#options;
      const reason = error instanceof Error ? error.message : String(error);
      const advice = `free the port or set another address in ${setting}`;
      throw new Error(`${what} cannot start: ${reason}; ${advice}`, { cause: error });
    }
  }

  /** Probes and scrapes are short and will come again: they are not waited for. */
  async stop(): Promise<void> {
    this.#listener.close();
    this.#listener.destroy();
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    request.resume();
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      await send(
        request,
        response,
        textPage(405, `cannot ${method}; these pages are read with GET`),
      );
      return;
    }
    const path = (request.url ?? '/').replace(/[?#].*$/, '');
    try {
      const page = await this.#options.page({ path, accept: request.headers.accept ?? '' });
      await send(
        request,
        response,
        page ?? textPage(404, `no page at ${path.slice(0, 200)}; see /`),
      );
    } catch (error) {
      // A page that cannot be made costs this answer, never the process.
      this.#options.log?.error('cannot make a page', { path: path.slice(0, 200), error });
      if (response.headersSent) response.destroy();
      else await send(request, response, textPage(500, 'the page could not be made'));
    }
  }
}

/** A page of plain text. */
export function textPage(status: number, text: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

/** A page of JSON, indented for people. */
export function jsonPage(status: number, value: unknown): Page {
  return {
    status,
    contentType: 'application/json',
    body: `${JSON.stringify(value, undefined, 2)}\n`,
  };
}

async function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  page: Page,
): Promise<void> {
  if (response.closed) {
    page.release?.();
    return;
  }
  const cut = setTimeout(() => response.destroy(), SEND_TIMEOUT_MS).unref();
  response.once('close', () => {
    clearTimeout(cut);
    page.release?.();
  });
  let chunks = typeof page.body === 'string' ? [Buffer.from(page.body)] : page.body;
  let byteLength = chunks.reduce((sum, { length }) => sum + length, 0);
  response.setHeader('Content-Type', page.contentType);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Vary', 'Accept, Accept-Encoding');
  if (byteLength >= MIN_COMPRESSED_LENGTH && takesGzip(request)) {
    ({ chunks, byteLength } = await compress('gzip', chunks, byteLength));
    response.setHeader('Content-Encoding', 'gzip');
  }
  response.writeHead(page.status, { 'Content-Length': byteLength });
  if (request.method === 'HEAD') response.end();
  else if (chunks.length === 1) response.end(chunks[0]);
  // A client that goes away before it has everything costs itself alone.
  else await pipeline(Readable.from(chunks), response).catch(() => {});
}

function takesGzip(request: http.IncomingMessage): boolean {
  const codings = String(request.headers['accept-encoding'] ?? '')
    .toLowerCase()
    .split(',');
  return codings.some((coding) => {
    const [name = '', ...parameters] = coding.split(';').map((part) => part.trim());
    return (name === 'gzip' || name === '*') && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}
