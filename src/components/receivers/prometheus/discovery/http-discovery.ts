import { ScrapeError } from '../../../../formats/prometheus/scrape/scrape-error.ts';
import { releaseBytes } from '../../../../wire/memory.ts';
import { HttpFetcher, type HttpIdentity } from '../scraping/http-fetch.ts';
import type { Discovery } from './discovery.ts';
import type { DiscoveryContext } from './file-discovery.ts';
import { readTargetGroups, type TargetGroup } from './target-group.ts';

interface HttpDiscoveryOptions {
  readonly url: string;
  readonly refreshMs: number;
  readonly identity: HttpIdentity;
  readonly userAgent: string;
}

const MAX_BYTES = 64 * 1024 * 1024;

/** Targets that a server tells as JSON. While it cannot be asked, they stay as they were. */
export class HttpDiscovery implements Discovery {
  readonly #options: HttpDiscoveryOptions;
  readonly #context: DiscoveryContext;
  readonly #fetcher: HttpFetcher;
  readonly #stopping = new AbortController();
  #cancel: (() => void) | undefined;

  constructor(options: HttpDiscoveryOptions, context: DiscoveryContext) {
    this.#options = options;
    this.#context = context;
    this.#fetcher = new HttpFetcher(options.identity, MAX_BYTES);
  }

  start(update: (groups: readonly TargetGroup[]) => void): void {
    void this.#refresh(update);
  }

  stop(): void {
    this.#cancel?.();
    this.#stopping.abort();
    this.#fetcher.close();
  }

  async #refresh(update: (groups: readonly TargetGroup[]) => void): Promise<void> {
    const { url, refreshMs } = this.#options;
    try {
      update(await this.#ask());
      this.#context.counted(true);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn('cannot ask for targets, those known stay', { url, reason });
      this.#context.counted(false);
    }
    if (this.#stopping.signal.aborted) return;
    this.#cancel = this.#context.clock.after(refreshMs, () => void this.#refresh(update));
  }

  async #ask(): Promise<readonly TargetGroup[]> {
    const { url, refreshMs, userAgent } = this.#options;
    const attempt = new AbortController();
    const stop = () => attempt.abort(this.#stopping.signal.reason);
    const late = new ScrapeError('timeout', `no answer within ${refreshMs / 1000}s`);
    const cancel = this.#context.clock.after(refreshMs, () => attempt.abort(late));
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    try {
      const { body, contentType } = await this.#fetcher.fetch({
        url,
        signal: attempt.signal,
        maxBytes: MAX_BYTES,
        headers: {
          accept: 'application/json',
          'user-agent': userAgent,
          'x-prometheus-refresh-interval-seconds': String(refreshMs / 1000),
        },
        resize: () => undefined,
      });
      if (!/^application\/json\s*(?:;|$)/i.test(contentType))
        throw new Error(`the Content-Type of the answer is ${JSON.stringify(contentType)}`);
      const document: unknown = JSON.parse(new TextDecoder().decode(body));
      releaseBytes(body);
      return readTargetGroups(document, url, { __meta_url: url });
    } finally {
      cancel();
      this.#stopping.signal.removeEventListener('abort', stop);
    }
  }
}
