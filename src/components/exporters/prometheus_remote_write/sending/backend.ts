import type { Context, Counter } from '../../../../contract/context.ts';
import type { Outcome } from '../../../../contract/outcome.ts';
import type { HttpClient, HttpEndpoint } from '../../../../net/http-client.ts';
import { type Verdict, verdictOf } from '../answer.ts';
import type { Piece } from './piece.ts';
import type { Progress } from './progress.ts';
import { type Content, RequestWriter } from '../request-writer.ts';
import { type Config, MESSAGES } from '../settings.ts';
import { headersOf, type Version } from '../version.ts';

type Retry = Outcome & { kind: 'retry' };

/** A way of speaking to a backend. */
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

/** What of a batch goes to one backend, kept from one attempt to the next. */
export interface Leg {
  readonly progress: Progress;
  pending: Pending | undefined;
}

/** Counts what a version has no words for. */
export interface Omitted {
  readonly startTimestamps: Counter;
  readonly metadata: Counter;
}

/** One endpoint, in the version of remote-write that it understands. */
export class Backend {
  readonly url: string;
  readonly #config: Config;
  readonly #context: Context;
  readonly #client: HttpClient;
  readonly #omitted: Omitted;
  #speech: Speech;

  // oxlint-disable-next-line max-params -- what all backends have in common, and the URL
  constructor(
    url: string,
    config: Config,
    context: Context,
    { client, omitted }: { readonly client: HttpClient; readonly omitted: Omitted },
  ) {
    this.url = url;
    this.#config = config;
    this.#context = context;
    this.#client = client;
    this.#omitted = omitted;
    this.#speech = this.#speak(MESSAGES[config.protobuf_message]);
  }

  /** Sends what is left, piece by piece; answers the retry that ends the attempt, if any does. */
  async travel(
    leg: Leg,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Retry | undefined> {
    const { progress } = leg;
    for (let piece = progress.next; piece !== undefined; piece = progress.next) {
      const pending = await this.#pending(leg, piece);
      const verdict = await this.#post(pending, headers, signal);
      if (verdict.kind === 'retry') return verdict;
      leg.pending = undefined;
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
    return undefined;
  }

  async #pending(leg: Leg, piece: Piece): Promise<Pending> {
    const { pending } = leg;
    const speech = this.#speech;
    if (pending?.piece === piece && pending.speech === speech) return pending;
    const content = await speech.writer.write(piece);
    leg.pending = { piece, speech, content };
    return leg.pending;
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
    const endpoint = this.#client.endpoint(this.url, headers);
    return { version, endpoint, writer: new RequestWriter(version, this.#config) };
  }

  /** Counts what could not be said in this version. */
  #omit(progress: Progress, { dropped }: Content): void {
    const { customHistograms, metadata, startTimestamps } = dropped;
    if (customHistograms > 0) progress.unsaid(customHistograms, CUSTOM_BUCKETS);
    if (metadata > 0) this.#omitted.metadata.add(metadata);
    if (startTimestamps > 0) this.#omitted.startTimestamps.add(startTimestamps);
  }
}

const CUSTOM_BUCKETS: Outcome & { kind: 'rejected' } = {
  kind: 'rejected',
  reason: 'custom_buckets',
  message: 'remote-write 1.0 has no histograms with custom buckets; send 2.0 with protobuf_message',
};
