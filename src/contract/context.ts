import type { Bytes, Signal } from './batch.ts';

/** All a component may reach besides its configuration. Tests pass a fake one. */
export interface Context {
  /** Kind, type and the name given in YAML: `exporters/otlp_http/eu`. */
  readonly id: string;
  /** Version of the program, for user agents. */
  readonly version: string;
  readonly log: Logger;
  readonly meter: Meter;
  readonly clock: Clock;
  /** Index of this shard and how many there are. */
  readonly shard: { readonly index: number; readonly count: number };
  /**
   * How a receiver binds its TCP addresses: `shared`: with `reusePort`, beside the other shards;
   * `alone`: as the only one; `none`: not at all, another shard listens. A unix socket is bound by
   * shard 0 alone, whatever this says. `alone` when absent.
   */
  readonly listen?: 'shared' | 'alone' | 'none';
  /** Of a receiver: signals of the pipelines that name it; nobody takes others from it. */
  readonly signals?: readonly Signal[];
  /** Of an exporter: when an attempt will be aborted, to be told to its backend. Absent: never. */
  readonly timeoutMs?: number;
  /** The same component in the other shards; absent where there is one shard only. */
  readonly peers?: Peers;
  /**
   * Shows something of this component on the status server, such as the targets it scrapes. `read`
   * is called when somebody looks, at most once a second, and answers plain JSON values; what it
   * answers in every shard is shown together. Absent: nobody can look.
   */
  readonly report?: (topic: 'targets', read: () => readonly unknown[]) => void;
}

/** The same component in the other shards. For rare questions, never for each request. */
export interface Peers {
  /**
   * Takes the questions of the others, one handler a component. Its answer is transferred: it
   * holds `Bytes` that nobody else refers to, and plain values.
   */
  onQuestion(answer: (question: unknown) => Promise<PeerAnswer>): void;
  /**
   * Asks all others and resolves with the answers that came, in the order of the shards; a shard
   * that dies, fails or does not answer before `deadline` aborts has none. `question` is
   * structured-cloneable.
   */
  ask(question: unknown, deadline: AbortSignal): Promise<readonly PeerAnswer[]>;
}

/** What one shard says to another: plain values, and bytes that are moved instead of copied. */
export interface PeerAnswer {
  readonly value: unknown;
  readonly bytes: readonly Bytes[];
}

/** What an extension may reach; it lives on the main thread. */
export interface ExtensionContext extends Context {
  readonly health: () => HealthReport;
}

/** Whether data gets through, and why not. */
export interface HealthReport {
  /** The program is up and its shards turn. */
  readonly live: boolean;
  /** New data can be taken. */
  readonly ready: boolean;
  /** Data is being delivered: no exporter has failed for too long. */
  readonly healthy: boolean;
  /** Sentences, worst first; empty when all is well. */
  readonly reasons: readonly string[];
  /** Seconds. */
  readonly uptime: number;
}

/** Lines for the operator. Fields are low in number and never hold telemetry or secrets. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Label names to values. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Plain numbers a component counts in; exposition, prefix and suffixes are the engine's affair.
 * Names carry no prefix and no `_total`: `receiver_accepted_spans`. Asking twice for the same
 * name and labels answers the same instrument. Label values must come from a bounded set.
 */
export interface Meter {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  /** `bounds` are inclusive upper bounds, ascending, without +Inf. */
  histogram(name: string, help: string, bounds: readonly number[], labels?: Labels): Histogram;
}

export interface Counter {
  add(amount: number): void;
}

export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
}

export interface Histogram {
  record(value: number): void;
}

/** Time as a component sees it; tests move it by hand. */
export interface Clock {
  /** Milliseconds since the epoch, with fraction. */
  now(): number;
  /** Calls back once after `ms`; the answer cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
}
