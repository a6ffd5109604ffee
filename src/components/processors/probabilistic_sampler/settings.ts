import { z } from 'zod';
import { duration } from '../../../contract/settings.ts';
import { findPatternMistake } from '../../../formats/otlp/actions/pattern.ts';
import { plainValue } from '../../../formats/otlp/actions/plain-value.ts';
import { bucketsFor } from '../../../formats/otlp/sampling/seeded-hash.ts';
import { DIGITS, LEAST_PROBABILITY } from '../../../formats/otlp/sampling/threshold.ts';

/** The attribute by which a sampler is told what to do with an item, whatever its share. */
export const PRIORITY_ATTRIBUTE = 'sampling.priority';

const percentage = () =>
  z
    .number()
    .min(0)
    .refine((value) => Number.isFinite(value), 'must be a number')
    .refine((value) => value === 0 || value / 100 >= LEAST_PROBABILITY, {
      message: 'is too small to be said; the least is 2^-56, 0 drops everything',
    });

const expression = () =>
  z.string().superRefine((source, context) => {
    const mistake = findPatternMistake(source);
    if (mistake === undefined) return;
    const message = `${JSON.stringify(source)} is no valid RE2 expression: ${mistake}`;
    context.addIssue({ code: 'custom', message });
  });

const ONE_OF_TEXT = 'needs one of equals and matches';
const ONE_OF = 'needs one of equals, matches and exists';

function countOf(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

const text = z
  .strictObject({
    equals: z.string().optional().describe('The whole text.'),
    matches: expression().optional().describe('RE2 expression, found anywhere in the text.'),
  })
  .refine(({ equals, matches }) => countOf(equals, matches) === 1, { message: ONE_OF_TEXT });

const attribute = z
  .strictObject({
    key: z.string().min(1).describe('The attribute to look at.'),
    equals: plainValue.optional().describe('The value; its type is that of the YAML.'),
    matches: expression().optional().describe('RE2 expression, found anywhere in the text of it.'),
    exists: z.boolean().optional().describe('Whether it has to be there, or has to be absent.'),
  })
  .refine(({ equals, matches, exists }) => countOf(equals, matches, exists) === 1, {
    message: ONE_OF,
  });

const STATUS_CODES = ['UNSET', 'OK', 'ERROR'] as const;
const SPAN_KINDS = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
] as const;

/** The number of a status code or of a span kind on the wire. */
export function wireNumberOf(name: string): number {
  const code = STATUS_CODES.findIndex((each) => each === name);
  return code >= 0 ? code : SPAN_KINDS.findIndex((each) => each === name);
}

const CONDITIONS = [
  'route',
  'status_codes',
  'span_kinds',
  'min_duration',
  'attributes',
  'resource_attributes',
  'tenant',
] as const;

const rule = z
  .strictObject({
    name: z.string().min(1).describe('What the rule is called in the metrics.'),
    route: text
      .optional()
      .describe('The route of a span: http.route, else url.path, else http.target.'),
    status_codes: z
      .array(z.string().toUpperCase().pipe(z.enum(STATUS_CODES)))
      .min(1)
      .optional()
      .describe('Status codes of spans; one must match.'),
    span_kinds: z
      .array(z.string().toUpperCase().pipe(z.enum(SPAN_KINDS)))
      .min(1)
      .optional()
      .describe('Kinds of spans; one must match.'),
    min_duration: duration().optional().describe('Spans that took at least this long.'),
    attributes: z
      .array(attribute)
      .min(1)
      .optional()
      .describe('Attributes of the span or log record; all must match.'),
    resource_attributes: z
      .array(attribute)
      .min(1)
      .optional()
      .describe('Attributes of the resource; all must match.'),
    tenant: text.optional().describe('The tenant the data belongs to.'),
    mark: z
      .string()
      .min(1)
      .default(PRIORITY_ATTRIBUTE)
      .describe(
        'The attribute set on what the rule keeps, by which the next gateway keeps it too: ' +
          '1 on spans, 100 on log records; none sets nothing.',
      ),
  })
  .refine((raw) => CONDITIONS.some((key) => raw[key] !== undefined), {
    message: `needs something to match: one of ${CONDITIONS.join(', ')}`,
  });

/** Keys of the OpenTelemetry Collector's probabilistic_sampler, and `tenants` and `keep`. */
export const settings = z
  .strictObject({
    sampling_percentage: percentage().describe(
      'How many of a hundred traces or log records are kept; 100 and more keeps all, 0 none.',
    ),
    mode: z
      .enum(['hash_seed', 'proportional', 'equalizing'])
      .default('hash_seed')
      .describe(
        'hash_seed decides by a hash of the id and writes nothing; proportional keeps that share ' +
          'of what arrives; equalizing brings everything down to that share. ' +
          'The last two write into tracestate how many each kept item stands for.',
      ),
    hash_seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0)
      .describe('Seed of the hash; gateways of one tier need the same.'),
    fail_closed: z
      .boolean()
      .default(true)
      .describe(
        'Whether an item that cannot be decided about is dropped: one without randomness, with a ' +
          'malformed tracestate, or with a threshold that contradicts its randomness.',
      ),
    sampling_precision: z
      .number()
      .int()
      .min(1)
      .max(DIGITS)
      .default(4)
      .describe('Significant hex digits of the thresholds that are written.'),
    attribute_source: z
      .enum(['traceID', 'record'])
      .default('traceID')
      .describe('Of log records in mode hash_seed: decide by the trace id, or by from_attribute.'),
    from_attribute: z
      .string()
      .default('')
      .describe(
        'Of log records in mode hash_seed: the attribute to decide by, where there is no trace id ' +
          'or attribute_source is record.',
      ),
    sampling_priority: z
      .string()
      .refine((key) => Buffer.byteLength(key) <= 127, 'must be at most 127 bytes long')
      .default('')
      .describe('Of log records: the attribute that holds a percentage of its own for its record.'),
    tenants: z
      .record(z.string().min(1), percentage())
      .default({})
      .describe('Percentages of tenants; sampling_percentage is that of all others.'),
    keep: z
      .array(rule)
      .default([])
      .describe('What is kept whatever the percentage; the first rule that matches counts.'),
  })
  .superRefine(({ keep }, context) => {
    keep.forEach(({ name }, index) => {
      if (keep.findIndex((each) => each.name === name) === index) return;
      const message = `the name ${JSON.stringify(name)} is taken by another rule`;
      context.addIssue({ code: 'custom', path: ['keep', index, 'name'], message });
    });
  });

export type Config = z.output<typeof settings>;
export type RuleConfig = z.output<typeof rule>;
export type AttributeCondition = z.output<typeof attribute>;
export type TextCondition = z.output<typeof text>;

/** What `validate` says of settings that are valid and may surprise. */
export function notesOn(config: Config): readonly string[] {
  const notes: string[] = [];
  const percentages = [config.sampling_percentage, ...Object.values(config.tenants)];
  if (config.mode === 'hash_seed') {
    for (const each of percentages) {
      if (each === 0 || bucketsFor(each) > 0) continue;
      notes.push(`${each} % is less than one of 16384 and keeps nothing in mode hash_seed`);
    }
    if (config.attribute_source === 'record' && config.from_attribute === '') {
      notes.push('attribute_source: record needs from_attribute; no log record can be decided');
    }
  } else if (config.attribute_source === 'record' || config.from_attribute !== '') {
    notes.push(`attribute_source and from_attribute have no effect in mode ${config.mode}`);
  }
  return notes;
}
