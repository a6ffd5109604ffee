import type { Decoded, Intake, Permit, RawRequest, Receiver } from '../../../contract/component.ts';
import type { Context, Counter } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { LabelSetCache } from '../../../formats/prometheus/label-set-cache.ts';
import type { Normalised } from '../../../formats/prometheus/read/remote-write-1.ts';
import { withCors, withReplyHeaders } from '../../../net/cors.ts';
import type { HttpHandler } from '../../../net/http.ts';
import { HttpServer } from '../../../net/http-server.ts';
import { ServerTls } from '../../../net/listen/server-tls.ts';
import { decode } from './decode.ts';
import { badHttp } from '../../../net/listen/requests.ts';
import { RemoteWriteHttp } from './http.ts';
import type { Config } from './settings.ts';

/** Receives remote-write 1.0 and 2.0 over HTTP. */
export class RemoteWriteReceiver implements Receiver {
  readonly #config: Config;
  readonly #context: Context;
  readonly #server: HttpServer | undefined;
  readonly #id: string;
  readonly #cache: LabelSetCache<Normalised> | undefined;
  readonly #counts: CacheCounts;

  constructor(config: Config, intake: Intake, context: Context) {
    this.#config = config;
    this.#context = context;
    this.#id = context.id.replace(/^receivers\//, '');
    this.#counts = new CacheCounts(context);
    if (config.labelCacheBytes > 0) {
      this.#cache = new LabelSetCache({
        maxBytes: config.labelCacheBytes,
        valueBytes: (value) => ('reason' in value ? 0 : value.length),
      });
    }
    if (this.#listens()) this.#server = this.#newServer(intake);
  }

  /** Port in use; 0 when it does not listen on one here. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  async start(): Promise<void> {
    await this.#server?.start();
  }

  async stop(deadline: AbortSignal): Promise<void> {
    await this.#server?.stop(deadline);
  }

  decode(request: RawRequest, permit: Permit): Decoded | Outcome | Promise<Decoded | Outcome> {
    const { maxDecodedBytes } = this.#config;
    const cache = this.#cache;
    const decoded = decode(request, permit, { receiver: this.#id, maxDecodedBytes, cache });
    if (cache !== undefined) this.#counts.update(cache);
    return decoded;
  }

  #newServer(intake: Intake): HttpServer {
    const { address, transport, tls, limits, cors, responseHeaders } = this.#config;
    const { clock, log, meter } = this.#context;
    const retries = meter.counter(
      'receiver_retried_requests',
      'Requests that their senders marked as a repeated try.',
    );
    const http = new RemoteWriteHttp(this.#config, {
      intake,
      now: () => clock.now(),
      retried: () => retries.add(1),
      failed: (error) => this.#failed(error),
    });
    let handler: HttpHandler = (head, announced) => http.handle(head, announced);
    if (cors !== undefined) handler = withCors(handler, cors);
    if (Object.keys(responseHeaders).length > 0) {
      handler = withReplyHeaders(handler, () => responseHeaders);
    }
    return new HttpServer({
      listen: {
        address,
        transport,
        reusePort: this.#context.listen === 'shared',
        ...(tls === undefined ? {} : { tls: new ServerTls(tls, log) }),
      },
      limits,
      handler,
      failed: (error) => this.#failed(error),
      refused: (status, message) => {
        intake.refused('metrics', '', badHttp(status, message));
      },
    });
  }

  #listens(): boolean {
    const { shard, listen = 'alone' } = this.#context;
    return this.#config.transport === 'unix' ? shard.index === 0 : listen !== 'none';
  }

  #failed(error: unknown): Outcome {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#context.log.error('bug: a request could not be handled', { reason });
    return { kind: 'rejected', reason: 'bug', message: 'internal error', fault: 'internal' };
  }
}

/** Brings the numbers of the label cache to the metrics. */
class CacheCounts {
  readonly #hits: Counter;
  readonly #misses: Counter;
  #seenHits = 0;
  #seenMisses = 0;

  constructor({ meter }: Context) {
    const lookups = (result: string) =>
      meter.counter(
        'label_cache_lookups',
        'Lookups of label sets that arrived unsorted or incomplete, by result.',
        { result },
      );
    this.#hits = lookups('hit');
    this.#misses = lookups('miss');
  }

  update({ hits, misses }: LabelSetCache<Normalised>): void {
    this.#hits.add(hits - this.#seenHits);
    this.#misses.add(misses - this.#seenMisses);
    this.#seenHits = hits;
    this.#seenMisses = misses;
  }
}
