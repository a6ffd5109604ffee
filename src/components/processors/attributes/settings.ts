import { z } from 'zod';
import { findPatternMistake } from '../../../formats/otlp/actions/pattern.ts';
import { plainValue } from '../../../formats/otlp/actions/plain-value.ts';
import { actionsSettings } from '../../../formats/otlp/actions/settings.ts';

const texts = () => z.array(z.string()).min(1).optional();

const attributes = () =>
  z
    .array(z.strictObject({ key: z.string().min(1), value: plainValue.optional() }))
    .min(1)
    .optional();

const libraries = z.array(z.strictObject({ name: z.string(), version: z.string().nullish() }));

const severityNumber = z.strictObject({
  min: z.number().int().min(0).max(24).describe('The lowest severity that matches, 1 to 24.'),
  match_undefined: z
    .boolean()
    .default(false)
    .describe('Whether log records without a severity match.'),
});

const matching = z
  .strictObject({
    match_type: z
      .enum(['strict', 'regexp'])
      .describe('Whether the texts below are compared as they are or as RE2 expressions.'),
    services: texts().describe('Values of the resource attribute service.name; one must match.'),
    resources: attributes().describe('Resource attributes; all must match.'),
    libraries: libraries
      .min(1)
      .optional()
      .describe('Instrumentation scopes by name and, when given, version; one must match.'),
    span_names: texts().describe('Names of spans; one must match.'),
    span_kinds: texts().describe('Kinds of spans such as SPAN_KIND_SERVER; one must match.'),
    log_bodies: texts().describe('Bodies of log records that are text; one must match.'),
    log_severity_texts: texts().describe('Severity texts of log records; one must match.'),
    log_severity_number: severityNumber.optional().describe('Severities of log records.'),
    metric_names: texts().describe('Names of metrics; one must match.'),
    attributes: attributes().describe(
      'Attributes of the span, log record or data point; all must match.',
    ),
    regexp: z
      .strictObject({
        cacheenabled: z.boolean().optional().describe('Accepted; answers are always remembered.'),
        cachemaxnumentries: z
          .number()
          .int()
          .min(0)
          .optional()
          .describe('How many answers each expression remembers.'),
      })
      .optional()
      .describe('Settings of the expressions.'),
  })
  .superRefine((raw, context) => {
    const { match_type: matchType, regexp: _, ...properties } = raw;
    const given = Object.entries(properties).filter(([, value]) => value !== undefined);
    if (given.length === 0) {
      context.addIssue({
        code: 'custom',
        message: `needs something to match: one of ${Object.keys(matching.shape).slice(1, -1).join(', ')}`,
      });
    }
    if (matchType === 'strict') return;
    for (const [path, pattern] of patternsOf(given)) {
      const mistake = findPatternMistake(pattern);
      if (mistake === undefined) continue;
      const message = `${JSON.stringify(pattern)} is no valid RE2 expression: ${mistake}`;
      context.addIssue({ code: 'custom', path: [path], message });
    }
  });

/** Every text below that is an expression when `match_type` is regexp, with its key. */
function patternsOf(given: readonly (readonly [string, unknown])[]): [string, string][] {
  return given.flatMap(([key, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : []).flatMap((each): [string, string][] => {
      if (typeof each === 'string') return [[key, each]];
      const fields = each as Readonly<Record<string, unknown>>;
      const names = key === 'libraries' ? ['name', 'version'] : ['value'];
      return names
        .map((name) => fields[name])
        .filter((text): text is string => typeof text === 'string')
        .map((text): [string, string] => [key, text]);
    }),
  );
}

/** Keys of the OpenTelemetry Collector's attributes processor. */
export const settings = z.strictObject({
  actions: actionsSettings().describe('What to do with attributes, in order.'),
  include: matching
    .optional()
    .describe('Only spans, log records and data points that match are changed.'),
  exclude: matching.optional().describe('Those that match this are left alone.'),
});

export type Config = z.output<typeof settings>;

/** What a span, log record or data point must have to match. */
export type MatchConfig = z.output<typeof matching>;
