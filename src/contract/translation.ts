/** How names of OTLP become names of Prometheus, as the setting `translation_strategy` says it. */
export type TranslationStrategy =
  | 'UnderscoreEscapingWithSuffixes'
  | 'UnderscoreEscapingWithoutSuffixes'
  | 'NoUTF8EscapingWithSuffixes'
  | 'NoTranslation';

/** What an exporter of the `prometheus` form wants of metrics that arrived as OTLP. */
export interface TranslationSettings {
  readonly strategy: TranslationStrategy;
  /** In front of every name, with an underscore between; empty: none. */
  readonly namespace: string;
  /** Whether attributes of resources become labels of every series. */
  readonly resourceToTelemetry: boolean;
  /** Whether resources become `target_info` series. */
  readonly targetInfo: boolean;
  /** Whether instrumentation scopes become `otel_scope_*` labels. */
  readonly scopeInfo: boolean;
  /** Added to series that have no label of that name. */
  readonly externalLabels: Readonly<Record<string, string>>;
  /** Whether explicit-bucket histograms become native ones with custom buckets: 2.0 alone has them. */
  readonly customBuckets: boolean;
  /** Where type, help and unit go: with each series (2.0), apart from them (1.0), or nowhere. */
  readonly metadata: 'series' | 'families' | 'none';
  /** Whether samples say since when their series counts: 2.0 alone has words for it. */
  readonly startTimestamps: boolean;
}
