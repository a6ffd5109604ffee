import type { Decoded, Intake, Permit, RawRequest, Receiver } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { readRequest } from '../../../formats/otlp/read-request.ts';
import { readWriteRequest } from '../../../formats/prometheus/read/read-request.ts';
import { pause } from '../../../net/kafka/abort.ts';
import type {
  KafkaConnection,
  KafkaFault,
  KafkaLibrary,
  KafkaProducer,
} from '../../../net/kafka/client.ts';
import { loadKafkaLibrary } from '../../../net/kafka/library.ts';
import { connectionOf } from '../../../net/kafka/settings.ts';
import { ReceiverCounts } from './counts.ts';
import { DeadLetters } from './dead-letters.ts';
import { Delivery } from './delivery.ts';
import { Session } from './session.ts';
import type { Config, Source } from './settings.ts';
import { hasExpressions, type Routes, routesOf, sameTopics, sourcesInUse } from './topics.ts';

/** Most bytes that a record may stand for once it is decoded. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024;
/** Longest wait for an answer; a fetch that waits for records has longer. */
const REQUEST_MS = 30_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const DEAD_LETTER_METADATA_MS = 60_000;
/** Part of the rebalance timeout that what is in hand may take; the rest is for the commit. */
const REVOKE_SHARE = 0.5;

/** Reads records as a member of a consumer group; offsets follow the outcome of the pipelines. */
export class KafkaReceiver implements Receiver {
  readonly #config: Config;
  readonly #connection: KafkaConnection;
  readonly #context: Context;
  readonly #intake: Intake;
  readonly #sources: readonly Source[];
  readonly #id: string;
  readonly #counts: ReceiverCounts;
  readonly #stopping = new AbortController();
  #library: KafkaLibrary | undefined;
  #deadLetterProducer: KafkaProducer | undefined;
  #session: Session | undefined;
  #running: Promise<void> | undefined;

  constructor(config: Config, intake: Intake, context: Context) {
    this.#config = config;
    const { connection, consumer } = config;
    this.#connection = connectionOf(connection, Math.max(REQUEST_MS, consumer.maxFetchWaitMs * 2));
    this.#context = context;
    this.#intake = intake;
    this.#sources = sourcesInUse(config.sources, context.signals ?? []);
    this.#id = context.id.replace(/^receivers\//, '');
    this.#counts = new ReceiverCounts(context.meter);
  }

  /** Joins in the background: a broker that is down now is no reason not to start. */
  async start(): Promise<void> {
    this.#library = await loadKafkaLibrary(this.#config.client);
    this.#running = this.#run(this.#library);
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const session = this.#session;
    this.#session = undefined;
    await session?.stop(deadline);
    await this.#running;
    await this.#deadLetterProducer?.close();
    this.#deadLetterProducer = undefined;
  }

  decode(request: RawRequest, permit: Permit): Decoded | Outcome {
    const receiver = this.#id;
    if (request.format !== 'prometheus') {
      return readRequest(request, request.body, permit, { receiver, maxBytes: MAX_DECODED_BYTES });
    }
    return readWriteRequest(request, request.body, permit, {
      receiver,
      maxDecodedBytes: MAX_DECODED_BYTES,
      cache: undefined,
    });
  }

  /** Joins the group, again after whatever goes wrong, until the receiver stops. */
  async #run(library: KafkaLibrary): Promise<void> {
    const { signal } = this.#stopping;
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const routes = await this.#findTopics(library);
      const problem = routes === undefined ? undefined : await this.#read(library, routes);
      if (routes !== undefined && problem === undefined) {
        wait = FIRST_WAIT_MS;
        continue;
      }
      if (problem !== undefined && !signal.aborted) this.#failed(problem);
      await pause(wait, signal);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  /** The topics to read now; undefined when they cannot be told or there are none. */
  async #findTopics(library: KafkaLibrary): Promise<Routes | undefined> {
    if (!hasExpressions(this.#sources)) return routesOf(this.#sources, []);
    const existing = await library.listTopics(this.#connection, this.#stopping.signal);
    if ('kind' in existing) {
      if (!this.#stopping.signal.aborted) this.#failed(existing);
      return undefined;
    }
    const routes = routesOf(this.#sources, existing);
    if (routes.size > 0) return routes;
    this.#context.log.info('no topic matches yet', { existing: existing.length });
    return undefined;
  }

  /** One membership: until topics change, the consumer cannot go on or the receiver stops. */
  async #read(library: KafkaLibrary, routes: Routes): Promise<KafkaFault | undefined> {
    const { signal } = this.#stopping;
    const ended = Promise.withResolvers<KafkaFault>();
    const session = this.#newSession(library, routes, (fault) => {
      if (fault.kind === 'rejected') ended.resolve(fault);
      else this.#failed(fault);
    });
    this.#session = session.events;
    const fault = await session.start(signal);
    if (fault === undefined && !signal.aborted) {
      this.#context.log.info('reading', {
        topics: [...routes.keys()],
        group: this.#config.consumer.groupId,
      });
    }
    const end =
      fault ?? (await Promise.race([ended.promise, this.#whenTopicsChange(library, routes)]));
    // A receiver that stops has taken the session, and ends it by its own deadline.
    if (this.#session === session.events) {
      this.#session = undefined;
      await session.events.stop(AbortSignal.timeout(this.#revokeMs));
    }
    return end;
  }

  #newSession(library: KafkaLibrary, routes: Routes, failed: (fault: KafkaFault) => void) {
    const { consumer: options, commitIntervalMs, tenant, headers } = this.#config;
    const { clock, shard } = this.#context;
    const instance = options.groupInstanceId;
    const consumer = library.createConsumer({
      ...this.#connection,
      ...options,
      topics: [...routes.keys()],
      ...(instance === undefined ? {} : { groupInstanceId: `${instance}-${shard.index}` }),
    });
    const events = new Session({
      consumer,
      routeOf: (topic) => routes.get(topic),
      grouping: { tenant, headers, intake: this.#intake },
      delivery: this.#newDelivery(library),
      counts: this.#counts,
      clock,
      commitIntervalMs,
      revokeMs: this.#revokeMs,
      failed,
    });
    return { events, start: (signal: AbortSignal) => consumer.start(events, signal) };
  }

  #newDelivery(library: KafkaLibrary): Delivery {
    const { clock, log } = this.#context;
    const deadLetters = new DeadLetters(
      this.#config.deadLetterTopic,
      () => (this.#deadLetterProducer ??= this.#newProducer(library)),
      (fault) => this.#failed(fault),
    );
    return new Delivery({ intake: this.#intake, clock, log, counts: this.#counts, deadLetters });
  }

  #newProducer(library: KafkaLibrary): KafkaProducer {
    return library.createProducer({
      ...this.#connection,
      acks: -1,
      idempotent: false,
      compression: 'none',
      allowAutoTopicCreation: true,
      metadataMaxAgeMs: DEAD_LETTER_METADATA_MS,
    });
  }

  /** Resolves once expressions match other topics than before, or the receiver stops. */
  async #whenTopicsChange(library: KafkaLibrary, routes: Routes): Promise<undefined> {
    const { signal } = this.#stopping;
    if (!hasExpressions(this.#sources)) {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return;
    }
    while (!signal.aborted) {
      await pause(this.#config.topicRefreshMs, signal);
      const now = signal.aborted ? undefined : await this.#findTopics(library);
      if (now !== undefined && !sameTopics(now, routes)) return;
    }
  }

  get #revokeMs(): number {
    return this.#config.consumer.rebalanceTimeoutMs * REVOKE_SHARE;
  }

  #failed(fault: KafkaFault): void {
    this.#counts.failed(fault.reason);
    this.#context.log.warn(fault.message, { reason: fault.reason });
  }
}
