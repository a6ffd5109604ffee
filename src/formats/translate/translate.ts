import type { Form } from '../../contract/batch.ts';
import type { Transform } from '../../contract/component.ts';
import type { TranslationSettings } from '../../contract/translation.ts';
import { PrometheusToOtlp } from './to-otlp/translator.ts';
import { OtlpToPrometheus } from './to-prometheus/translator.ts';

/**
 * A transform after which batches of metrics have the form `to`; those that have it already pass
 * as they are. Items of the result are counted in its own form. Reasons given to `drop` are of a
 * fixed set, and its items those of the batch that came.
 */
export function createTranslation(
  to: Form,
  settings: Partial<TranslationSettings> = {},
): Transform {
  const ignore = (): void => undefined;
  if (to === 'otlp') {
    const translator = new PrometheusToOtlp();
    return (batch, drop = ignore) =>
      batch.form === to ? batch : translator.translate(batch, drop);
  }
  const translator = new OtlpToPrometheus(settings);
  return (batch, drop = ignore) => (batch.form === to ? batch : translator.translate(batch, drop));
}
