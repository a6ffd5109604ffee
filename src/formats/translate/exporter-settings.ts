import { z } from 'zod';
import { section } from '../../contract/settings.ts';
import type { TranslationSettings } from '../../contract/translation.ts';

const STRATEGIES = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const;

/** Keys of exporters of series about what arrived as OTLP; they say nothing of other series. */
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
};

type Keys = z.output<z.ZodObject<typeof translationSettings>>;

/** What those keys come to. */
export function translationOf(
  keys: Keys,
): Pick<TranslationSettings, 'strategy' | 'namespace' | 'resourceToTelemetry'> {
  return {
    strategy: keys.translation_strategy ?? STRATEGIES[keys.add_metric_suffixes === false ? 1 : 0],
    namespace: keys.namespace,
    resourceToTelemetry: keys.resource_to_telemetry_conversion.enabled,
  };
}

/** What `validate` says of keys that do not go together. */
export function translationNotes(keys: Keys): readonly string[] {
  return keys.translation_strategy !== undefined && keys.add_metric_suffixes !== undefined
    ? ['add_metric_suffixes is without effect beside translation_strategy; remove it']
    : [];
}
