import { z } from 'zod';
import { section } from '../../../contract/settings.ts';
import type { TranslationSettings } from '../../../contract/translation.ts';

const STRATEGIES = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const;

/** Keys about metrics that arrived as OTLP; they say nothing of series that arrived as such. */
export const translationSettings = {
  translation_strategy: z
    .enum(STRATEGIES)
    .optional()
    .describe('How OTLP names become names of Prometheus; the first when not set.'),
  add_metric_suffixes: z
    .boolean()
    .optional()
    .describe('Older way to choose between the first two values of translation_strategy.'),
  namespace: z.string().default('').describe('In front of every name, with a _ between.'),
  resource_to_telemetry_conversion: section(
    z.strictObject({
      enabled: z.boolean().default(false).describe('Whether they do.'),
      exclude_service_attributes: z
        .literal(false, { error: 'is not supported; remove it' })
        .optional()
        .describe('Not supported but for `false`.'),
    }),
  )
    .prefault({})
    .describe('Whether attributes of resources become labels of every series.'),
  target_info: section(
    z.strictObject({ enabled: z.boolean().default(true).describe('Whether they do.') }),
  )
    .prefault({})
    .describe('Whether resources become target_info series.'),
  disable_scope_info: z
    .boolean()
    .default(false)
    .describe('Whether instrumentation scopes become no otel_scope_* labels.'),
  send_metadata: z
    .boolean()
    .default(false)
    .describe('Whether 1.0 requests say type, help and unit; 2.0 always does.'),
};

type Keys = z.output<z.ZodObject<typeof translationSettings>> & {
  readonly protobuf_message: string;
};

/** What the section wants of OTLP metrics. External labels are put in later, with all others. */
export function translationOf(config: Keys): Partial<TranslationSettings> {
  const families = config.send_metadata ? 'families' : 'none';
  return {
    strategy: strategyOf(config),
    namespace: config.namespace,
    resourceToTelemetry: config.resource_to_telemetry_conversion.enabled,
    targetInfo: config.target_info.enabled,
    scopeInfo: !config.disable_scope_info,
    metadata: isV1(config) ? families : 'series',
  };
}

/** What `validate` says of keys that do not go together. */
export function translationNotes(config: Keys): readonly string[] {
  const notes: string[] = [];
  const { translation_strategy: strategy } = config;
  if (strategy !== undefined && config.add_metric_suffixes !== undefined) {
    notes.push('add_metric_suffixes is without effect beside translation_strategy; remove it');
  }
  if (isV1(config) && (strategy?.startsWith('No') ?? false)) {
    notes.push(
      `remote-write 1.0 has no UTF-8 names: what ${strategy} leaves in them becomes _; send 2.0 with protobuf_message`,
    );
  }
  return notes;
}

function strategyOf(config: Keys): TranslationSettings['strategy'] {
  if (config.translation_strategy !== undefined) return config.translation_strategy;
  return STRATEGIES[config.add_metric_suffixes === false ? 1 : 0];
}

function isV1({ protobuf_message }: Keys): boolean {
  return protobuf_message === 'prometheus.WriteRequest';
}
