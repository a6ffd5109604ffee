import type { Batch } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context, Counter } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { InFlight } from '../../../net/client/in-flight.ts';
import { ClientTls } from '../../../net/client-tls.ts';
import { headerProblem, HttpClient, type HttpEndpoint } from '../../../net/http-client.ts';
import { type Verdict, verdictOf } from './answer.ts';
import type { Piece } from './piece.ts';
import { Progress } from './progress.ts';
import { type Content, RequestWriter } from './request-writer.ts';
import { type Config, MESSAGES } from './settings.ts';
import { headersOf, type Version } from './version.ts';

/** One way of speaking to the backend. */
interface Speech {
  readonly version: Version;
  readonly endpoint: HttpEndpoint;
  readonly writer: RequestWriter;
}

/** A request that was written and has no answer yet. */
interface Pending {
  readonly piece: Piece;
  readonly speech: Speech;
  readonly content: Content;
}

/** A batch that is on its way, perhaps in several requests and attempts. */
interface Journey {
  readonly progress: Progress;
  /** Resolves when the attempt that is under way has let go of the batch. */
  attempt: Promise<unknown>;
  /** Kept from one attempt to the next. */
  pending: Pending | undefined;
}

/** Posts batches of the `prometheus` form to a remote-write endpoint. */
export class RemoteWriteExporter implements Exporter {
  readonly #config: Config;
  readonly #context: Context;
  readonly #client: HttpClient;
  readonly #inFlight = new InFlight();
  readonly #journeys = new WeakMap<Batch, Journey>();
  readonly #omittedTimes: Counter;
  readonly #omittedMetadata: Counter;
  #speech: Speech;

  constructor(config: Config, context: Context) {
    this.#config = config;
    this.#context = context;
    this.#client = new HttpClient({
      maxConnsPerHost: config.max_conns_per_host,
      maxIdleConns: config.max_idle_conns,
      idleConnTimeoutMs: config.idle_conn_timeout,
      keepAlive: !config.disable_keep_alives,
      tls: new ClientTls(config.tls),
      ...(config.proxy_url === undefined ? {} : { proxyUrl: config.proxy_url }),
    });
    const omitted = (what: string) =>
      context.meter.counter(
        'exporter_remote_write_omitted',
        'Start timestamps and metadata that the version of remote-write has no words for.',
        { what },
      );
    this.#omittedTimes = omitted('start_timestamp');
    this.#omittedMetadata = omitted('metadata');
    this.#speech = this.#speak(MESSAGES[config.protobuf_message]);
  }

  send(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    if (!this.#inFlight.stopped) return this.#inFlight.run(() => this.#attempt(batch, signal));
    return Promise.resolve({ kind: 'retry', reason: 'stopping', message: 'the exporter stops' });
  }

  /** Lets requests under way finish until `deadline`; what is left then ends as `retry`. */
  async stop(deadline?: AbortSignal): Promise<void> {
    await this.#inFlight.stop(deadline);
    this.#client.close();
  }

  async #attempt(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    if (batch.form !== 'prometheus') {
      const message = `cannot send ${batch.form} data as remote-write`;
      return { kind: 'rejected', reason: 'wrong_form', message, fault: 'internal' };
    }
    const refusal = this.#tenantRefusal(batch);
    if (refusal !== undefined) return refusal;
    const journey = await this.#journeyOf(batch);
    const headers = this.#headersOf(batch, journey.progress.attempts++);
    const travelled = this.#travel(journey, headers, signal);
    journey.attempt = travelled.catch(() => {});
    const outcome = await travelled;
    if (outcome.kind !== 'retry') this.#journeys.delete(batch);
    return outcome;
  }

  /** An attempt that ran out of time may still hold the batch for a moment. */
  async #journeyOf(batch: Batch): Promise<Journey> {
    await this.#journeys.get(batch)?.attempt;
    let journey = this.#journeys.get(batch);
    if (journey === undefined) {
      const progress = new Progress(batch, this.#config.max_batch_size_bytes);
      journey = { progress, attempt: Promise.resolve(), pending: undefined };
      this.#journeys.set(batch, journey);
    }
    return journey;
  }

  async #travel(
    journey: Journey,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { progress } = journey;
    for (let piece = progress.next; piece !== undefined; piece = progress.next) {
      const pending = await this.#pending(journey, piece);
      const verdict = await this.#post(pending, headers, signal);
      if (verdict.kind === 'retry') return verdict;
      journey.pending = undefined;
      if (verdict.kind === 'fall_back') {
        this.#fallBack(pending.speech, verdict.because);
        continue;
      }
      if (verdict.kind === 'refused') {
        progress.refused(verdict.why, verdict.divisible);
        continue;
      }
      progress.done(verdict.lost, verdict.why);
      this.#omit(progress, pending.content);
    }
    return progress.outcome();
  }

  async #pending(journey: Journey, piece: Piece): Promise<Pending> {
    const { pending } = journey;
    if (pending?.piece === piece && pending.speech === this.#speech) return pending;
    const speech = this.#speech;
    const content = await speech.writer.write(piece);
    journey.pending = { piece, speech, content };
    return journey.pending;
  }

  async #post(
    { speech, content }: Pending,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const { body, items, exemplars } = content;
    if (body === undefined) return { kind: 'done', lost: 0 };
    const reply = await this.#client.post(speech.endpoint, { ...body, headers }, signal);
    if ('kind' in reply) {
      if (reply.kind === 'retry') return reply;
      if (reply.kind === 'rejected') return { kind: 'refused', why: reply, divisible: false };
      return { kind: 'done', lost: 0 };
    }
    return verdictOf(reply, {
      version: speech.version,
      items,
      exemplars,
      retryOn429: this.#config.retry_on_http_429,
      now: this.#context.clock.now(),
    });
  }

  #fallBack(from: Speech, because: string): void {
    if (this.#speech !== from) return;
    this.#speech = this.#speak('v1');
    this.#context.log.warn('the backend does not speak remote-write 2.0; 1.0 is sent from now on', {
      because,
    });
  }

  #speak(version: Version): Speech {
    const headers = { ...headersOf(version, this.#context.version), ...this.#config.headers };
    const endpoint = this.#client.endpoint(this.#config.endpoint, headers);
    return { version, endpoint, writer: new RequestWriter(version, this.#config) };
  }

  /** Counts what could not be said in this version. */
  #omit(progress: Progress, { dropped }: Content): void {
    const { customHistograms, metadata, startTimestamps } = dropped;
    if (customHistograms > 0) progress.unsaid(customHistograms, CUSTOM_BUCKETS);
    if (metadata > 0) this.#omittedMetadata.add(metadata);
    if (startTimestamps > 0) this.#omittedTimes.add(startTimestamps);
  }

  #headersOf({ origin }: Batch, retries: number): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    if (retries > 0) headers['retry-attempt'] = String(retries);
    const name = this.#config.tenant_header;
    if (name !== undefined) headers[name] = origin.tenant;
    return headers;
  }

  #tenantRefusal({ origin: { tenant } }: Batch): Outcome | undefined {
    const name = this.#config.tenant_header;
    const wrong = name === undefined ? undefined : headerProblem(name, tenant);
    if (wrong === undefined) return undefined;
    const message = `cannot send tenant ${JSON.stringify(tenant)}: ${name} ${wrong}`;
    return { kind: 'rejected', reason: 'invalid_tenant', message };
  }
}

const CUSTOM_BUCKETS: Outcome & { kind: 'rejected' } = {
  kind: 'rejected',
  reason: 'custom_buckets',
  message: 'remote-write 1.0 has no histograms with custom buckets; send 2.0 with protobuf_message',
};
