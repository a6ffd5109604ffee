import type { TranslationSettings } from '../../contract/translation.ts';

/** What holds where an exporter says nothing. */
export const DEFAULT_SETTINGS: TranslationSettings = Object.freeze({
  strategy: 'UnderscoreEscapingWithSuffixes',
  namespace: '',
  resourceToTelemetry: false,
  targetInfo: true,
  scopeInfo: true,
  externalLabels: {},
  customBuckets: false,
  metadata: 'series',
  startTimestamps: true,
});
