import type { Kind } from '../../contract/registry.ts';
import type { Signal } from '../../contract/batch.ts';

/**
 * A whole configuration, checked and with defaults. Plain data, deeply frozen,
 * structured-cloneable: every shard gets the same copy.
 */
export interface Config {
  readonly receivers: Readonly<Record<string, ComponentConfig>>;
  readonly processors: Readonly<Record<string, ComponentConfig>>;
  readonly exporters: Readonly<Record<string, ExporterConfig>>;
  readonly extensions: Readonly<Record<string, ComponentConfig>>;
  readonly service: ServiceConfig;
  /** SHA-256, hex, of the resolved configuration. */
  readonly hash: string;
  /** Things an operator should know, such as keys without effect: path and sentence. */
  readonly notes: readonly Note[];
}

/** A sentence for the operator, with the place that it is about. */
interface Note {
  readonly path: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** One entry of a section: `otlp_http/eu`. */
export interface ComponentConfig {
  /** As written: type or alias, then the name. */
  readonly id: string;
  /** Key in the registry, aliases resolved. */
  readonly type: string;
  /** Output of the definition's schema. */
  readonly settings: unknown;
}

export interface ExporterConfig extends ComponentConfig {
  /** The shared keys, taken out of the section before the component's schema sees it. */
  readonly delivery: DeliveryConfig | undefined;
}

/** Keys and defaults of the OpenTelemetry Collector's exporterhelper. */
export interface DeliveryConfig {
  readonly timeoutMs: number;
  readonly retry: RetryConfig;
  readonly queue: QueueConfig;
}

export interface RetryConfig {
  readonly enabled: boolean;
  readonly initialIntervalMs: number;
  readonly randomizationFactor: number;
  readonly multiplier: number;
  readonly maxIntervalMs: number;
  /** 0: for ever. */
  readonly maxElapsedTimeMs: number;
}

export interface QueueConfig {
  readonly enabled: boolean;
  /** Requests under way at once. */
  readonly numConsumers: number;
  /** In units of `sizer`. */
  readonly size: number;
  readonly sizer: 'requests' | 'items' | 'bytes';
  readonly blockOnOverflow: boolean;
  readonly waitForResult: boolean;
  readonly batch: QueueBatchConfig | undefined;
}

export interface QueueBatchConfig {
  readonly flushTimeoutMs: number;
  readonly minSize: number;
  /** 0: never split. */
  readonly maxSize: number;
  readonly sizer: 'items' | 'bytes';
  /** Lower case. */
  readonly metadataKeys: readonly string[];
}

export interface ServiceConfig {
  /** Number of shards, `auto` resolved. */
  readonly shards: number;
  readonly extensions: readonly string[];
  readonly pipelines: Readonly<Record<string, PipelineConfig>>;
  readonly tenancy: TenancyConfig;
  readonly admission: AdmissionConfig;
  readonly telemetry: TelemetryConfig;
  /** How long a stop may take before what is left is reported and dropped. */
  readonly shutdownTimeoutMs: number;
}

export interface PipelineConfig {
  /** As written: `traces/eu`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
  /** Exporters of this pipeline that never hold up or fail a request. */
  readonly bestEffort: readonly string[];
  readonly acknowledge: 'queued' | 'delivered';
}

export interface TenancyConfig {
  /** Asked in order; the first that is present says whose data it is. Lower-case names. */
  readonly headers: readonly string[];
  /** Used when no source says; undefined makes a tenant required. */
  readonly default: string | undefined;
}

export interface AdmissionConfig {
  /** Bytes of requests and memory queues in all shards together; 0: derived from the memory. */
  readonly maxBytes: number;
  /** Share of `maxBytes` that one tenant may hold, 0 to 1. */
  readonly tenantShare: number;
}

export interface TelemetryConfig {
  readonly logs: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly encoding: 'json' | 'console';
  };
  readonly metrics: {
    readonly level: 'none' | 'basic' | 'normal' | 'detailed';
    /** `host:port`; undefined when switched off. */
    readonly address: string | undefined;
    readonly prefix: string;
    /** Whether counters end in `_total`. */
    readonly totalSuffix: boolean;
  };
}

export const KINDS: readonly Kind[] = ['receivers', 'processors', 'exporters', 'extensions'];
