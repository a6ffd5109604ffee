import type { ExporterDefinition } from '../../../contract/component.ts';
import { translationNotes } from '../../../formats/translate/exporter-settings.ts';
import { ScrapedExporter } from './exporter.ts';
import { type Config, schema, translationOf } from './settings.ts';

export default {
  type: 'prometheus',
  summary: 'Serves the newest value of every series on a page that Prometheus scrapes.',
  stability: 'beta',
  signals: ['metrics'],
  forms: ['prometheus'],
  translation: translationOf,
  key: () => 'series_group',
  schema,
  notes: translationNotes,
  delivery: 'none',
  create: (config, context) => new ScrapedExporter(config, context),
  listens: ({ endpoint, transport }) => [{ address: endpoint, transport }],
} satisfies ExporterDefinition<Config>;
