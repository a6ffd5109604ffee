import { z } from 'zod';
import { section } from '../../../contract/settings.ts';
import type { TranslationSettings } from '../../../contract/translation.ts';
import * as common from '../../../formats/translate/exporter-settings.ts';

/** Keys about metrics that arrived as OTLP; they say nothing of series that arrived as such. */
export const translationSettings = {
  ...common.translationSettings,
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
    ...common.translationOf(config),
    targetInfo: config.target_info.enabled,
    scopeInfo: !config.disable_scope_info,
    metadata: isV1(config) ? families : 'series',
    startTimestamps: !isV1(config),
  };
}

/** What `validate` says of keys that do not go together. */
export function translationNotes(config: Keys): readonly string[] {
  const notes = [...common.translationNotes(config)];
  const { translation_strategy: strategy } = config;
  if (isV1(config) && (strategy?.startsWith('No') ?? false)) {
    notes.push(
      `remote-write 1.0 has no UTF-8 names: what ${strategy} leaves in them becomes _; send 2.0 with protobuf_message`,
    );
  }
  return notes;
}

function isV1({ protobuf_message }: Keys): boolean {
  return protobuf_message === 'prometheus.WriteRequest';
}
