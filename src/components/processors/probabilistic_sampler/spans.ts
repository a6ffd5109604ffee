import { decodeValue, encodeValue } from '../../../formats/otlp/any-value.ts';
import { AttributeList } from '../../../formats/otlp/attributes.ts';
import type { KeepItem } from '../../../formats/otlp/filter.ts';
import { SampledFields } from '../../../formats/otlp/sampling/sampled-fields.ts';
import { adjustedCountAt, ALWAYS, Bits56 } from '../../../formats/otlp/sampling/threshold.ts';
import { TraceState } from '../../../formats/otlp/sampling/trace-state.ts';
import { numberOf } from '../../../formats/otlp/walk.ts';
import type { FieldRange } from '../../../wire/cursor.ts';
import type { Splice } from '../../../wire/splice.ts';
import type { Counts, Problem } from './counts.ts';
import type { Policy } from './policy.ts';
import type { KeepRules } from './rules.ts';
import { type Config, PRIORITY_ATTRIBUTE } from './settings.ts';

const ATTRIBUTES = numberOf('Span', 'attributes');
const PRIORITY = Buffer.from(PRIORITY_ATTRIBUTE);
const MARK = encodeValue({ kind: 'int', value: 1n });

/** What a span's own attribute asks for. */
type Wish = 'drop' | 'keep' | 'none';

/**
 * Decides about spans, one at a time, and writes the threshold of those it keeps. Nothing of a
 * span is decoded but what decides; what is not written to is copied as it came.
 */
export class SpanSampler {
  readonly #rules: KeepRules;
  readonly #counts: Counts;
  readonly #failClosed: boolean;
  readonly #fields = new SampledFields('traces', [PRIORITY]);
  readonly #state = new TraceState();
  readonly #randomness = new Bits56();
  readonly #attributes = new AttributeList();
  #policy: Policy;
  #hasRules = false;
  // The request at hand.
  #bytes: Uint8Array = NOTHING;

  constructor(config: Config, policy: Policy, parts: { rules: KeepRules; counts: Counts }) {
    this.#policy = policy;
    this.#rules = parts.rules;
    this.#counts = parts.counts;
    this.#failClosed = config.fail_closed;
  }

  begin(policy: Policy, hasRules: boolean): void {
    this.#policy = policy;
    this.#hasRules = hasRules;
  }

  readonly keep: KeepItem = (span, walk, splice) => {
    const { bytes } = walk;
    const fields = this.#fields;
    this.#bytes = bytes;
    fields.read(span, walk);
    if (this.#hasRules) {
      const rule = this.#rules.find('traces', span, walk);
      if (rule >= 0) return this.#keepByRule(rule, span, splice);
    }
    const hasWish = fields.mayHaveSought;
    const policy = this.#policy;
    if (hasWish || fields.stateTag >= 0 || fields.traceId < 0 || policy.isNever) {
      return this.#decide(span, hasWish, splice);
    }
    // fast path: nothing but the trace id has a say
    if (policy.mode === 'hash_seed') {
      const id = fields.traceId;
      return this.#settleHash(policy.hash.bucket(bytes, id, id + 16) < policy.buckets);
    }
    this.#randomness.readTraceId(bytes, fields.traceId);
    const { fresh } = policy;
    if (fresh === undefined || !this.#randomness.passes(fresh.threshold)) {
      this.#counts.dropped.probability.amount++;
      return false;
    }
    this.#counts.kept.probability.amount++;
    this.#counts.represented.amount += fresh.threshold.adjustedCount;
    splice.enter(span);
    splice.insert(fields.stateAt(bytes, span.start, span.end), fresh.traceState);
    splice.leave();
    return true;
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

  #decide(span: FieldRange, hasWish: boolean, splice: Splice): boolean {
    const counts = this.#counts;
    const wish = hasWish ? this.#wishOf(span) : 'none';
    if (wish === 'drop') {
      counts.dropped.priority.amount++;
      return false;
    }
    if (wish === 'none' && this.#policy.isNever) {
      counts.dropped.probability.amount++;
      return false;
    }
    this.#readState();
    const problem = this.#findProblem(this.#policy.mode === 'hash_seed');
    if (problem !== undefined) counts.problems[problem].amount++;
    if (wish === 'keep') {
      counts.kept.priority.amount++;
      const isWritten = this.#policy.mode !== 'hash_seed';
      const digits = this.#restate(problem, isWritten);
      if (digits !== 'as it is') this.#write(span, splice, digits);
      return true;
    }
    if (problem === undefined) return this.#decideByRandomness(span, splice);
    if (this.#failClosed) {
      counts.dropped.failed.amount++;
      return false;
    }
    counts.kept.failed.amount++;
    if (problem === 'inconsistent_threshold') this.#write(span, splice, undefined);
    return true;
  }

  /** Of a span whose randomness and threshold are sound. */
  #decideByRandomness(span: FieldRange, splice: Splice): boolean {
    const policy = this.#policy;
    if (policy.mode === 'hash_seed') {
      const id = this.#fields.traceId;
      return this.#settleHash(policy.hash.bucket(this.#bytes, id, id + 16) < policy.buckets);
    }
    const state = this.#state;
    const stated = state.hasThreshold ? policy.statedFor(state.threshold) : policy.fresh;
    if (stated === undefined || !this.#randomness.passes(stated.threshold)) {
      this.#counts.dropped.probability.amount++;
      return false;
    }
    this.#counts.kept.probability.amount++;
    this.#counts.represented.amount += stated.threshold.adjustedCount;
    const { high, low, digits } = stated.threshold;
    const isSame = state.threshold.high === high && state.threshold.low === low;
    if (!state.hasThreshold || !isSame) this.#write(span, splice, digits);
    return true;
  }

  #readState(): void {
    const state = this.#state;
    const { stateTag, stateStart, stateEnd } = this.#fields;
    state.read(this.#bytes, stateStart, stateTag < 0 ? stateStart : stateEnd);
    if (state.invalidThreshold) this.#counts.problems.invalid_threshold.amount++;
    if (state.invalidRandomness) this.#counts.problems.invalid_randomness.amount++;
  }

  /** What forbids a decision; leaves the randomness of the span when nothing does. */
  #findProblem(isHash: boolean): Problem | undefined {
    const state = this.#state;
    if (state.malformed) return 'malformed';
    if (isHash && (state.hasThreshold || state.hasRandomness)) return 'sampling_in_use';
    const { traceId } = this.#fields;
    if (state.hasRandomness) {
      this.#randomness.high = state.randomness.high;
      this.#randomness.low = state.randomness.low;
    } else if (traceId < 0) {
      return 'missing_randomness';
    } else {
      this.#randomness.readTraceId(this.#bytes, traceId);
    }
    const isSound = !state.hasThreshold || this.#randomness.passes(state.threshold);
    return isSound ? undefined : 'inconsistent_threshold';
  }

  /**
   * The threshold of a span that is kept whatever its randomness: the one it arrived with, 100 %
   * when it had none, and none when it contradicts its randomness.
   */
  #restate(problem: Problem | undefined, isWritten: boolean): Uint8Array | undefined | 'as it is' {
    const state = this.#state;
    if (problem === 'malformed') return 'as it is';
    if (problem === 'inconsistent_threshold') return undefined;
    this.#counts.represented.amount += state.hasThreshold ? adjustedCountAt(state.threshold) : 1;
    return state.hasThreshold || !isWritten ? 'as it is' : ALWAYS.digits;
  }

  #keepByRule(rule: number, span: FieldRange, splice: Splice): boolean {
    const counts = this.#counts;
    counts.rules[rule]!.amount++;
    counts.keptByRules.amount++;
    this.#readState();
    // Missing randomness is no problem here, nor is that hash_seed would not decide.
    const found = this.#findProblem(false);
    const problem = found === 'missing_randomness' ? undefined : found;
    if (problem !== undefined) counts.problems[problem].amount++;
    const digits = this.#restate(problem, true);
    const field = digits === 'as it is' ? undefined : this.#fieldOf(digits);
    const mark = this.#rules.markOf(rule);
    this.#attributes.clear(this.#bytes, ATTRIBUTES);
    if (mark !== undefined) {
      this.#attributes.read(span.start, span.end);
      this.#attributes.set(mark, MARK);
    }
    if (field === undefined && !this.#attributes.changed) return true;
    const [from, to] = this.#statePlace(span);
    splice.enter(span);
    this.#attributes.apply(splice, span.start, from);
    if (field !== undefined) splice.replace(from, to, field);
    this.#attributes.apply(splice, from, span.end);
    this.#attributes.applyNew(splice, span.end);
    splice.leave();
    return true;
  }

  #write(span: FieldRange, splice: Splice, digits: Uint8Array | undefined): void {
    const field = this.#fieldOf(digits);
    if (field === undefined) return;
    const [from, to] = this.#statePlace(span);
    splice.enter(span);
    splice.replace(from, to, field);
    splice.leave();
  }

  /** Where the trace_state field stands, or would. */
  #statePlace({ start, end }: FieldRange): readonly [from: number, to: number] {
    const { stateTag, stateEnd } = this.#fields;
    if (stateTag >= 0) return [stateTag, stateEnd];
    const at = this.#fields.stateAt(this.#bytes, start, end);
    return [at, at];
  }

  /** The trace_state field with that threshold; undefined when it has to stay as it is. */
  #fieldOf(digits: Uint8Array | undefined): Uint8Array | undefined {
    const field = this.#state.write(digits);
    if (field === undefined) this.#counts.problems.tracestate_full.amount++;
    return field;
  }

  #wishOf(span: FieldRange): Wish {
    this.#attributes.clear(this.#bytes, ATTRIBUTES);
    this.#attributes.read(span.start, span.end);
    const index = this.#attributes.find(PRIORITY);
    if (index < 0) return 'none';
    const value = decodeValue(this.#attributes.valueAt(index));
    if (value.kind === 'int') return wishFor(Number(value.value));
    if (value.kind === 'double') return wishFor(value.value);
    const isNumber = value.kind === 'string' && NUMBER.test(value.value);
    return isNumber ? wishFor(Number(value.value)) : 'none';
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function wishFor(priority: number): Wish {
  if (priority === 0) return 'drop';
  return priority > 0 ? 'keep' : 'none';
}
