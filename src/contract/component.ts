import type { z } from 'zod';
import type { Batch, Bytes, Form, Metadata, Signal } from './batch.ts';
import type { Context, ExtensionContext } from './context.ts';
import type { Outcome } from './outcome.ts';
import type { TranslationSettings } from './translation.ts';

/**
 * The one seam of the data path. A pipeline, a fan-out, a delivery: all are consumers, and a
 * caller cannot tell which it has.
 */
export interface Consumer {
  /**
   * Takes responsibility for `batch`, or says why not. Resolves once the answer is binding.
   * Rejects only when there is a bug.
   */
  consume(batch: Batch): Promise<Outcome>;
}

/** Something with a life. Exporters start first; receivers stop first. */
export interface Lifecycle {
  /** Resolves when ready to work. A rejection aborts the start of the collector. */
  start?(): Promise<void>;
  /**
   * Takes no new work, finishes what is in hand, lets go of everything; once `deadline` aborts,
   * lets go at once. Idempotent, and safe without `start`.
   */
  stop?(deadline: AbortSignal): Promise<void>;
}

/**
 * One request as it came off the wire: whole, undecoded, perhaps compressed. It is what
 * admission holds and what a saturated shard hands to another, so it is structured-cloneable
 * and `body` owns its buffer.
 */
export interface RawRequest {
  readonly signal: Signal;
  readonly body: Bytes;
  /** Content coding of `body`, lower case; `identity` when none. */
  readonly encoding: string;
  /** Media type of the decoded body, as the receiver names it: `protobuf`, `json`, … */
  readonly format: string;
  readonly tenant: string;
  readonly metadata: Metadata;
  readonly clientAddress?: string;
  /** What it came over; a label of the receiver's metrics. `http` when absent. */
  readonly transport?: 'grpc' | 'http' | 'kafka';
  /** Milliseconds since the epoch, with fraction. */
  readonly receivedAt: number;
}

/** What a receiver made of a request: the valid part, and how much was not. */
export interface Decoded {
  /** Absent when nothing is left: an empty request, or all of it refused. */
  readonly batch?: Batch;
  /** Items that were refused one by one, with the first reason; the rest goes on. */
  readonly refused?: { readonly items: number; readonly reason: string; readonly message: string };
  /** Numbers a protocol wants in its answer beyond the outcome (remote-write 2.0). */
  readonly counts?: Readonly<Record<string, number>>;
}

/** The answer to a request, from whichever shard decoded it. Structured-cloneable. */
export interface Reply {
  readonly outcome: Outcome;
  readonly counts?: Readonly<Record<string, number>>;
}

/** Room for one request in the byte budgets. */
export interface Permit {
  /**
   * Charges the request anew at `bytes` in all (its decompressed size is known now, or a body
   * of unknown length grew). Answers the refusal when the budgets have no room for it.
   */
  resize(bytes: number): Outcome | undefined;
  /** Gives the room back. Idempotent. */
  release(): void;
}

/** The gate between a receiver and the engine: byte budgets, turns, shards. */
export interface Intake {
  /**
   * Room for a request of `bytes` (0 when the length is not known yet), or the refusal to
   * answer at once. Called when the head of a request is in and before its body is read. With
   * `signal`, what no queue has room for is refused here too, instead of after it was decoded.
   */
  admit(tenant: string, bytes: number, signal?: Signal): Permit | Outcome;
  /**
   * Hands a whole request over and resolves with the binding answer. The permit is released by
   * the intake, whatever happens. Tenants take turns here; the request may be decoded by
   * another shard. After the call `request.body` belongs to the intake.
   */
  submit(request: RawRequest, permit: Permit): Promise<Reply>;
  /**
   * Counts a request that is answered without `submit`: refused by `admit`, `Permit.resize` or
   * `tenantOf` (which count nothing themselves), bad media type, body too large, …
   */
  refused(
    signal: Signal | undefined,
    tenant: string,
    outcome: Outcome,
    transport?: RawRequest['transport'],
  ): void;
  /**
   * Whose data this is, from the request's headers; a refusal when they do not say it well. `named`
   * is what else the receiver was told to believe, such as the name of a topic: it goes before
   * the headers and must be a valid id too.
   */
  tenantOf(headers: HeaderLookup, named?: string): string | Outcome;
}

/** Header or gRPC metadata values by lower-case name; an empty list when absent. */
export type HeaderLookup = (name: string) => readonly string[];

/**
 * Listens to the outside and answers its client with the outcome. Its two halves may run in
 * different shards: one reads the request, perhaps another decodes it.
 */
export interface Receiver extends Lifecycle {
  /**
   * Turns a request into a validated batch, or says what is wrong with all of it. Synchronous
   * where the size allows. `resize` is `Permit.resize`, to be called with the decompressed size
   * before memory is taken.
   */
  decode(request: RawRequest, permit: Permit): Decoded | Outcome | Promise<Decoded | Outcome>;
}

/**
 * Rewrites a batch: no I/O, no waiting. `undefined` when nothing is left of it. Items that are
 * missing afterwards are counted with the reason of the definition, but for those that it gives
 * another reason with `drop`.
 */
export type Transform = (batch: Batch, drop?: DropItems) => Batch | undefined;

/** Says why items are not in the result. `reason` is a metric label from a small fixed set. */
export type DropItems = (reason: string, items: number) => void;

/** What the exchange between shards keeps together. `series_group`: a histogram, a summary. */
export type ExchangeKey = 'trace_id' | 'series' | 'series_group' | 'tenant';

/** A processor with state or time of its own: aggregation, tail sampling. */
export interface Stage extends Consumer, Lifecycle {}

/** Speaks one protocol to one destination. Knows nothing of queues and retries. */
export interface Exporter extends Lifecycle {
  /** Makes one attempt. Rejects only when there is a bug or `signal` aborts. */
  send(batch: Batch, signal: AbortSignal): Promise<Outcome>;
  /** Of one that wants every series in order while several requests are under way. */
  readonly seriesOrder?: SeriesOrder;
}

/** How an exporter wants series in order: no series is ever in two of its requests at once. */
export interface SeriesOrder {
  /** How many backends share the series; each has requests of its own under way. */
  readonly backends: number;
  /** The backend, from 0, of the series whose labels have this hash of 32 bits. */
  backendOf(hash: number): number;
  /** Batches that wait are joined up to this size. */
  readonly requestBytes: number;
}

/** Runs on the main thread, beside the shards: health endpoints and the like. */
export type Extension = Lifecycle;

interface Definition<C> {
  /** The name in YAML, the key in the registry and the folder: all three the same. */
  readonly type: string;
  /** Older or other spellings of `type` that files in the field use. */
  readonly aliases?: readonly string[];
  /** Types it took the place of, with other keys: a file that names one is told so. */
  readonly replaces?: readonly string[];
  /** One sentence for `millrace components` and the reference page. */
  readonly summary: string;
  readonly stability: 'alpha' | 'beta' | 'stable';
  /** Written once: defaults, messages, JSON Schema and the reference page come from it. */
  readonly schema: z.ZodType<C>;
  /** What `validate` says of a section beyond right and wrong; `consumers`: those of its queue. */
  notes?(config: C, consumers?: number): readonly string[];
}

export interface ReceiverDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  /** Forms its metrics may have; `otlp` when absent. */
  readonly forms?: readonly Form[];
  /** The same for the configuration it has, where that decides. */
  formsOf?(config: C): readonly Form[];
  create(config: C, intake: Intake, context: Context): Receiver;
  /** Addresses it will bind, so that the supervisor can probe them before any shard does. */
  listens?(config: C): readonly Listen[];
}

/** An address that a component binds. */
export interface Listen {
  /** `host:port`, or a path for unix sockets. */
  readonly address: string;
  readonly transport: 'tcp' | 'unix';
}

/** A processor is one of four things; the builder asks which by the method it has. */
export type ProcessorDefinition<C = unknown> =
  | TransformDefinition<C>
  | StageDefinition<C>
  | BatchingDefinition<C>
  | LimitsDefinition<C>;

export interface TransformDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  /** Forms of metrics it takes, and gives back, the best liked first; `otlp` when absent. */
  readonly forms?: readonly Form[];
  /** Why items that do not come out are dropped, as the books say it; `filtered` when absent. */
  readonly dropReason?: string;
  /** What it looks at and changes; everything when absent or undefined. */
  reach?(config: C): Reach | undefined;
  transform(config: C, context: Context): Transform;
}

/**
 * How far a transform reaches. What a pipeline gives does not depend on the order of two of
 * different reach.
 *
 * - `resources`: attributes of resources, each by itself; it drops nothing.
 * - `items`: spans, data points or log records, each by itself, and what is empty without them;
 *   to what is around them it is blind.
 */
export type Reach = 'resources' | 'items';

export interface StageDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  /** Forms of metrics it takes, and gives back, the best liked first; `otlp` when absent. */
  readonly forms?: readonly Form[];
  /** What its state is about: the exchange brings all data of one key to one shard. */
  readonly key?: ExchangeKey;
  stage(config: C, next: Consumer, context: Context): Stage;
}

/** Not in the data path: settings for the batching of the pipeline's exporters. */
export interface BatchingDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  batching(config: C): BatchSettings;
}

/** Not in the data path: limits for admission. */
export interface LimitsDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  limits(config: C): MemoryLimits;
}

export interface BatchSettings {
  readonly flushTimeoutMs: number;
  readonly minSize: number;
  /** 0: never split. */
  readonly maxSize: number;
  readonly sizer: 'items' | 'bytes';
  /** Lower-case names; batches with different values never merge. */
  readonly metadataKeys: readonly string[];
}

export interface MemoryLimits {
  readonly checkIntervalMs: number;
  /** Bytes of process memory. Above `softBytes` new work is refused, above `hardBytes` at any price. */
  readonly softBytes: number;
  readonly hardBytes: number;
}

export interface ExporterDefinition<C = unknown> extends Definition<C> {
  readonly signals: readonly Signal[];
  /** Forms of metrics it takes, the best liked first; `otlp` when absent. */
  readonly forms?: readonly Form[];
  /** The same for the configuration it has, where that decides. */
  formsOf?(config: C): readonly Form[];
  /**
   * What must stay together, for the configuration it has: the exchange brings all data of one key
   * to one shard, in order. None when absent or undefined.
   */
  key?(config: C): ExchangeKey | undefined;
  /** How it wants metrics of the other form translated for it. */
  translation?(config: C): Partial<TranslationSettings>;
  /** Whether the shared delivery keys (`sending_queue`, …) apply, and with which defaults. */
  readonly delivery: DeliveryDefaults | 'none';
  create(config: C, context: Context): Exporter;
  /** Addresses it will bind, so that the supervisor can probe them before any shard does. */
  listens?(config: C): readonly Listen[];
}

/** Where an exporter's defaults of the shared keys differ from the usual. */
export interface DeliveryDefaults {
  readonly timeoutMs?: number;
  /** Requests under way at once in a shard. 1 where the order of requests matters. */
  readonly numConsumers?: number;
  /** Waits between attempts, and the age at which a request is given up. */
  readonly retry?: {
    readonly initialIntervalMs: number;
    readonly maxIntervalMs: number;
    readonly maxElapsedTimeMs: number;
  };
}

export interface ExtensionDefinition<C = unknown> extends Definition<C> {
  create(config: C, context: ExtensionContext): Extension;
}
