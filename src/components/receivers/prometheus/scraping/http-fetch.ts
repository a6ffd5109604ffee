import { readFile } from 'node:fs/promises';
import type { Bytes } from '../../../../contract/batch.ts';
import type { Outcome } from '../../../../contract/outcome.ts';
import { ScrapeError } from '../../../../formats/prometheus/scrape/scrape-error.ts';
import { ClientTls } from '../../../../net/client-tls.ts';
import { decompress, isRefusal } from '../../../../net/decompress.ts';
import { HttpClient, type HttpResponse } from '../../../../net/http-client.ts';
import type { Credentials, HttpConfig } from '../config/http-settings.ts';

const IDLE_MS = 300_000;
const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What is fetched. */
export interface FetchOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Of the page, compressed or not. */
  readonly maxBytes: number;
  /** Told the bytes of the page before memory is taken for it; an outcome refuses it. */
  readonly resize: (bytes: number) => Outcome | undefined;
}

/** A whole answer with the status 200. */
export interface Fetched {
  readonly body: Bytes;
  readonly contentType: string;
}

/** A page for which there is no room: not the fault of whoever served it. */
export class NoRoom extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('message' in outcome ? outcome.message : outcome.kind);
    this.outcome = outcome;
  }
}

/** What all connections of a job or a discovery share. Throws when a file cannot be read. */
export class HttpIdentity {
  readonly config: HttpConfig;
  readonly tls: ClientTls;

  constructor(config: HttpConfig) {
    this.config = config;
    this.tls = new ClientTls(config.tls);
  }

  /** Headers that say who asks; files are read each time. */
  async headers(): Promise<Record<string, string>> {
    const { basic, authorization, headers } = this.config;
    if (basic !== undefined) {
      const user = `${await textOf(basic.user)}:${await textOf(basic.password)}`;
      return { ...headers, authorization: `Basic ${Buffer.from(user).toString('base64')}` };
    }
    if (authorization === undefined) return { ...headers };
    const { type, credentials } = authorization;
    return { ...headers, authorization: `${type} ${await textOf(credentials)}` };
  }
}

/** Fetches pages of one server, over connections that are kept. */
export class HttpFetcher {
  readonly #identity: HttpIdentity;
  readonly #maxBytes: number;
  readonly #client: HttpClient;

  /** `maxBytes` is for an answer as it is on the wire. */
  constructor(identity: HttpIdentity, maxBytes: number) {
    this.#identity = identity;
    this.#maxBytes = maxBytes;
    this.#client = this.#newClient();
  }

  /** Throws `ScrapeError`, `NoRoom`, or the reason of the signal. */
  async fetch(options: FetchOptions): Promise<Fetched> {
    const own = await this.#credentials(options.url);
    const headers = { ...options.headers, ...own };
    let response = await this.#get(this.#client, { ...options, headers });
    let { url } = options;
    for (let hops = 0; REDIRECTS.has(response.status) && this.#follows; hops++) {
      if (hops === MAX_REDIRECTS)
        throw new ScrapeError('http_status', `${url} redirects too often`);
      const next = URL.parse(response.headers['location'] ?? '', url);
      if (next === null || !/^https?:$/.test(next.protocol))
        throw new ScrapeError('http_status', `${url} redirects to nowhere`);
      const isOther = next.host !== new URL(url).host;
      url = next.href;
      response = isOther
        ? await this.#getElsewhere({ ...options, url })
        : await this.#get(this.#client, { ...options, url, headers });
    }
    if (response.status !== 200)
      throw new ScrapeError('http_status', `${url} answered with HTTP status ${response.status}`);
    const body = await this.#content(response, options);
    return { body, contentType: response.headers['content-type'] ?? '' };
  }

  /** Closes every connection at once. */
  close(): void {
    this.#client.close();
  }

  get #follows(): boolean {
    return this.#identity.config.followRedirects;
  }

  async #credentials(url: string): Promise<Record<string, string>> {
    try {
      return await this.#identity.headers();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ScrapeError('credentials', `cannot read the credentials for ${url}: ${why}`);
    }
  }

  /** Follows a redirect to another host, which is told nothing of who asks. */
  async #getElsewhere(options: FetchOptions): Promise<HttpResponse> {
    const client = this.#newClient();
    try {
      return await this.#get(client, options);
    } finally {
      client.close();
    }
  }

  async #get(
    client: HttpClient,
    { url, headers, signal, resize }: FetchOptions,
  ): Promise<HttpResponse> {
    const response = await client.get(client.endpoint(url, headers, 'GET'), signal);
    if (!('kind' in response)) {
      const refusal = resize(response.body.length);
      if (refusal !== undefined) throw new NoRoom(refusal);
      return response;
    }
    const { reason, message } =
      'reason' in response ? response : { reason: response.kind, message: '' };
    throw new ScrapeError(reason === 'response_too_large' ? 'body_size_limit' : reason, message);
  }

  async #content({ headers, body }: HttpResponse, options: FetchOptions): Promise<Bytes> {
    const { maxBytes, resize, url } = options;
    const coding = headers['content-encoding']?.trim().toLowerCase() ?? '';
    let refusal: Outcome | undefined;
    const guard = {
      maxBytes,
      resize: (bytes: number) => (refusal = resize(body.length + bytes)),
    };
    const content = await decompress(coding, body, guard);
    if (!isRefusal(content)) return content;
    if (refusal !== undefined) throw new NoRoom(refusal);
    const isTooLarge = 'reason' in content && content.reason === 'too_large';
    if (isTooLarge)
      throw new ScrapeError('body_size_limit', `the page of ${url} is over ${maxBytes} bytes`);
    const why = 'message' in content ? content.message : content.kind;
    throw new ScrapeError('compression', `cannot decompress the page of ${url}: ${why}`);
  }

  #newClient(): HttpClient {
    const { proxyUrl } = this.#identity.config;
    return new HttpClient({
      tls: this.#identity.tls,
      maxIdleConns: 1,
      idleConnTimeoutMs: IDLE_MS,
      maxResponseBytes: this.#maxBytes,
      ...(proxyUrl !== undefined && { proxyUrl }),
    });
  }
}

async function textOf({ text, file }: Credentials): Promise<string> {
  return file === undefined ? (text ?? '') : (await readFile(file, 'utf8')).trim();
}
