import { textOf } from '../../../formats/otlp/actions/plain-value.ts';
import { decodeValue, encodeValue } from '../../../formats/otlp/any-value.ts';
import { AttributeList } from '../../../formats/otlp/attributes.ts';
import type { KeepItem } from '../../../formats/otlp/filter.ts';
import { SampledFields } from '../../../formats/otlp/sampling/sampled-fields.ts';
import {
  adjustedCountAt,
  Bits56,
  DIGITS,
  isAbove,
  type Threshold,
  thresholdFor,
} from '../../../formats/otlp/sampling/threshold.ts';
import { numberOf } from '../../../formats/otlp/walk.ts';
import type { FieldRange } from '../../../wire/cursor.ts';
import type { Splice } from '../../../wire/splice.ts';
import type { Counts, Problem } from './counts.ts';
import type { Policy } from './policy.ts';
import type { KeepRules } from './rules.ts';
import type { Config } from './settings.ts';

const ATTRIBUTES = numberOf('LogRecord', 'attributes');
const THRESHOLD = Buffer.from('sampling.threshold');
const RANDOMNESS = Buffer.from('sampling.randomness');
const MARK = encodeValue({ kind: 'int', value: 100n });
const STATED_ALWAYS = encodeValue({ kind: 'string', value: '0' });

/**
 * Decides about log records, one at a time. What tracestate is to a span, the attributes
 * `sampling.threshold` and `sampling.randomness` are to a log record.
 */
export class LogSampler {
  readonly #config: Config;
  readonly #rules: KeepRules;
  readonly #counts: Counts;
  readonly #fields: SampledFields;
  readonly #attributes = new AttributeList();
  readonly #fromKey: Uint8Array | undefined;
  readonly #priorityKey: Uint8Array | undefined;
  readonly #randomness = new Bits56();
  readonly #threshold = new Bits56();
  #hasThreshold = false;
  #hasRandomness = false;
  #policy: Policy;
  #hasRules = false;
  // The request at hand.
  #bytes: Uint8Array = NOTHING;

  constructor(config: Config, policy: Policy, parts: { rules: KeepRules; counts: Counts }) {
    const { from_attribute: from, sampling_priority: priority } = config;
    this.#config = config;
    this.#policy = policy;
    this.#rules = parts.rules;
    this.#counts = parts.counts;
    this.#fromKey = from === '' ? undefined : Buffer.from(from);
    this.#priorityKey = priority === '' ? undefined : Buffer.from(priority);
    const own = this.#priorityKey === undefined ? [] : [this.#priorityKey];
    this.#fields = new SampledFields('logs', [THRESHOLD, RANDOMNESS, ...own]);
  }

  begin(policy: Policy, hasRules: boolean): void {
    this.#policy = policy;
    this.#hasRules = hasRules;
  }

  readonly keep: KeepItem = (record, walk, splice) => {
    this.#bytes = walk.bytes;
    const fields = this.#fields;
    const policy = this.#policy;
    fields.read(record, walk);
    if (this.#hasRules) {
      const rule = this.#rules.find('logs', record, walk);
      if (rule >= 0) return this.#keepByRule(rule, record, splice);
    }
    const isHash = policy.mode === 'hash_seed';
    const isById = fields.traceId >= 0 && !(isHash && this.#config.attribute_source === 'record');
    if (fields.mayHaveSought || !isById || policy.isNever) {
      return this.#decide(record, splice);
    }
    // fast path: nothing but the trace id has a say
    if (isHash) {
      const id = fields.traceId;
      return this.#settleHash(policy.hash.bucket(this.#bytes, id, id + 16) < policy.buckets);
    }
    this.#randomness.readTraceId(this.#bytes, fields.traceId);
    this.#attributes.clear(this.#bytes, ATTRIBUTES);
    this.#hasThreshold = false;
    return this.#decideByRandomness(record, splice);
  };

  #settleHash(isKept: boolean): boolean {
    if (isKept) {
      this.#counts.kept.probability.amount++;
      this.#counts.represented.amount += this.#policy.adjustedCount;
    } else {
      this.#counts.dropped.probability.amount++;
    }
    return isKept;
  }

  #decide(record: FieldRange, splice: Splice): boolean {
    const counts = this.#counts;
    const policy = this.#policy;
    const isHash = policy.mode === 'hash_seed';
    this.#readAttributes(record);
    const problem = this.#findProblem(isHash);
    const own = this.#ownThreshold();
    if (own === undefined && policy.isNever) {
      counts.dropped.probability.amount++;
      return false;
    }
    if (problem !== undefined) counts.problems[problem].amount++;
    if (own !== undefined) return this.#decideByPriority(own, problem, { record, splice });
    if (problem === undefined) {
      if (!isHash) return this.#decideByRandomness(record, splice);
      return this.#settleHash(this.#randomness.high >>> 14 >= 0x4000 - policy.buckets);
    }
    if (this.#config.fail_closed) {
      counts.dropped.failed.amount++;
      return false;
    }
    counts.kept.failed.amount++;
    if (problem === 'inconsistent_threshold') this.#erase(record, splice);
    return true;
  }

  /** By the percentage that the record itself names, which goes before all but the rules. */
  #decideByPriority(
    own: Threshold,
    problem: Problem | undefined,
    { record, splice }: { readonly record: FieldRange; readonly splice: Splice },
  ): boolean {
    const counts = this.#counts;
    if (this.#hasRandomness && !this.#policy.isNever && !this.#randomness.passes(own)) {
      counts.dropped.priority.amount++;
      return false;
    }
    counts.kept.priority.amount++;
    const isRaised = !this.#hasThreshold || isAbove(own, this.#threshold);
    counts.represented.amount += adjustedCountAt(isRaised ? own : this.#threshold);
    if (problem === 'inconsistent_threshold') this.#erase(record, splice);
    else if (this.#policy.mode !== 'hash_seed' && hasNoMistake(problem) && isRaised) {
      const value = Buffer.from(own.digits).toString('latin1');
      this.#attributes.set(THRESHOLD, encodeValue({ kind: 'string', value }));
      this.#apply(record, splice);
    }
    return true;
  }

  #decideByRandomness(record: FieldRange, splice: Splice): boolean {
    const policy = this.#policy;
    const stated = this.#hasThreshold ? policy.statedFor(this.#threshold) : policy.fresh;
    if (stated === undefined || !this.#randomness.passes(stated.threshold)) {
      this.#counts.dropped.probability.amount++;
      return false;
    }
    this.#counts.kept.probability.amount++;
    this.#counts.represented.amount += stated.threshold.adjustedCount;
    const { high, low } = this.#threshold;
    const isSame = stated.threshold.high === high && stated.threshold.low === low;
    if (this.#hasThreshold && isSame) return true;
    this.#attributes.set(THRESHOLD, stated.value);
    this.#apply(record, splice);
    return true;
  }

  /** Leaves the randomness and the threshold of the record, or says what is wrong with them. */
  #findProblem(isHash: boolean): Problem | undefined {
    const threshold = this.#textAt(THRESHOLD);
    const randomness = this.#textAt(RANDOMNESS);
    this.#hasRandomness = isHash && this.#hash();
    this.#hasThreshold =
      threshold !== undefined && this.#threshold.readHex(threshold, 0, threshold.length);
    if (threshold !== undefined && !this.#hasThreshold) return 'invalid_threshold';
    if (randomness !== undefined && !isHash) {
      const isWhole = randomness.length === DIGITS;
      this.#hasRandomness = isWhole && this.#randomness.readHex(randomness, 0, DIGITS);
      if (!this.#hasRandomness) return 'invalid_randomness';
    }
    if (isHash) {
      if (threshold !== undefined || randomness !== undefined) return 'sampling_in_use';
      return this.#hasRandomness ? undefined : 'missing_randomness';
    }
    if (randomness === undefined) {
      if (this.#fields.traceId < 0) return 'missing_randomness';
      this.#randomness.readTraceId(this.#bytes, this.#fields.traceId);
      this.#hasRandomness = true;
    }
    const isSound = !this.#hasThreshold || this.#randomness.passes(this.#threshold);
    return isSound ? undefined : 'inconsistent_threshold';
  }

  /** Randomness from the trace id or from the attribute; false when there is neither. */
  #hash(): boolean {
    const { hash } = this.#policy;
    const id = this.#fields.traceId;
    if (this.#config.attribute_source === 'traceID' && id >= 0) {
      hash.randomness(this.#bytes, [id, id + 16], this.#randomness);
      return true;
    }
    const index = this.#fromKey === undefined ? -1 : this.#attributes.find(this.#fromKey);
    if (index < 0) return false;
    const value = decodeValue(this.#attributes.valueAt(index));
    const source = value.kind === 'bytes' ? value.value : Buffer.from(textOf(value));
    if (source.length === 0) return false;
    hash.randomness(source, [0, source.length], this.#randomness);
    return true;
  }

  /** The threshold of the percentage that the record itself names. */
  #ownThreshold(): Threshold | undefined {
    if (this.#priorityKey === undefined) return undefined;
    const index = this.#attributes.find(this.#priorityKey);
    if (index < 0) return undefined;
    const value = decodeValue(this.#attributes.valueAt(index));
    if (value.kind !== 'int' && value.kind !== 'double') return undefined;
    const probability = Number(value.value) / 100;
    if (!(probability > 0 && probability <= 1)) return undefined;
    return thresholdFor(probability, this.#config.sampling_precision);
  }

  #keepByRule(rule: number, record: FieldRange, splice: Splice): boolean {
    const counts = this.#counts;
    counts.rules[rule]!.amount++;
    counts.keptByRules.amount++;
    this.#readAttributes(record);
    const problem = this.#findProblem(false);
    if (problem !== undefined && problem !== 'missing_randomness') {
      counts.problems[problem].amount++;
    }
    if (hasNoMistake(problem)) {
      counts.represented.amount += this.#hasThreshold ? adjustedCountAt(this.#threshold) : 1;
      if (!this.#hasThreshold) this.#attributes.set(THRESHOLD, STATED_ALWAYS);
    } else if (problem === 'inconsistent_threshold') {
      this.#attributes.delete(THRESHOLD);
    }
    const mark = this.#rules.markOf(rule);
    if (mark !== undefined) this.#attributes.set(mark, MARK);
    if (this.#attributes.changed) this.#apply(record, splice);
    return true;
  }

  #erase(record: FieldRange, splice: Splice): void {
    this.#attributes.delete(THRESHOLD);
    this.#apply(record, splice);
  }

  #readAttributes(record: FieldRange): void {
    this.#attributes.clear(this.#bytes, ATTRIBUTES);
    this.#attributes.read(record.start, record.end);
  }

  /** The bytes of an attribute that is text and not empty. */
  #textAt(key: Uint8Array): Uint8Array | undefined {
    const index = this.#attributes.find(key);
    if (index < 0) return undefined;
    const value = decodeValue(this.#attributes.valueAt(index));
    return value.kind === 'string' && value.value !== '' ? Buffer.from(value.value) : undefined;
  }

  #apply(record: FieldRange, splice: Splice): void {
    splice.enter(record);
    this.#attributes.apply(splice, record.start, record.end);
    this.#attributes.applyNew(splice, record.end);
    splice.leave();
  }
}

/** Whether what the record says about its sampling is sound, as far as it says anything. */
function hasNoMistake(problem: Problem | undefined): boolean {
  return problem === undefined || problem === 'missing_randomness';
}

const NOTHING: Uint8Array = new Uint8Array(0);
