import type { Signal } from '../../../contract/batch.ts';
import { encodePlain, textOf } from '../../../formats/otlp/actions/plain-value.ts';
import { Pattern } from '../../../formats/otlp/actions/pattern.ts';
import { decodeValue } from '../../../formats/otlp/any-value.ts';
import { AttributeList } from '../../../formats/otlp/attributes.ts';
import { nextOf, numberOf, RESOURCE, type RequestWalk } from '../../../formats/otlp/walk.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { type ItemIndex, type KeyMark, keyMarkOf } from '../../../wire/item-index.ts';
import { readFixed32, readUint32 } from '../../../wire/varint.ts';
import type { AttributeCondition, Config, RuleConfig, TextCondition } from './settings.ts';
import { wireNumberOf } from './settings.ts';

const FIELDS = {
  resourceAttributes: numberOf('Resource', 'attributes'),
  kind: numberOf('Span', 'kind'),
  start: numberOf('Span', 'start_time_unix_nano'),
  end: numberOf('Span', 'end_time_unix_nano'),
  status: numberOf('Span', 'status'),
  code: numberOf('Status', 'code'),
} as const;
const ITEM_ATTRIBUTES = {
  traces: numberOf('Span', 'attributes'),
  logs: numberOf('LogRecord', 'attributes'),
} as const;
const ROUTE_KEYS = ['http.route', 'url.path', 'http.target'].map((key) => Buffer.from(key));
const NANOSECONDS = 1e6;

/** What conditions ask of a span besides its attributes. */
interface SpanFacts {
  kind: number;
  status: number;
  /** Nanoseconds; negative when the span ends before it begins. */
  duration: number;
}

type ListTest = (attributes: AttributeList) => boolean;
type TextTest = (text: string) => boolean;

interface Rule {
  readonly index: number;
  readonly tenant: TextTest | undefined;
  readonly resource: readonly ListTest[];
  readonly span: readonly ((facts: SpanFacts) => boolean)[];
  readonly item: readonly ListTest[];
  /** Keys of attributes; of each list the item must have one at least. */
  readonly keys: readonly (readonly KeyMark[])[];
  /** The attribute that is set on what the rule keeps. */
  readonly mark: Uint8Array | undefined;
  /** What the resource at hand has answered: -1 not asked yet, 0 no, 1 yes. */
  answer: number;
}

/**
 * Finds the rule by which a span or a log record is kept. What a tenant answers is asked once per
 * batch, what a resource answers once for all that is in it.
 */
export class KeepRules {
  readonly #rules: readonly Rule[];
  #active: readonly Rule[] = [];
  readonly #resource = new AttributeList();
  readonly #attributes = new AttributeList();
  readonly #cursor = new FieldCursor();
  readonly #inner = new FieldCursor();
  readonly #facts: SpanFacts = { kind: 0, status: 0, duration: 0 };
  #resourceStart = -1;
  #hasResource = false;

  constructor(config: Config) {
    this.#rules = config.keep.map(compileRule);
  }

  /** Forgets the batch before. Whether any rule may match in this one. */
  begin(tenant: string): boolean {
    this.#active =
      this.#rules.length === 0
        ? this.#rules
        : this.#rules.filter((rule) => rule.tenant?.(tenant) ?? true);
    return this.#active.length > 0;
  }

  /** Forgets the chunk before. */
  beginChunk(): void {
    this.#resourceStart = -1;
  }

  /** The attribute that the rule sets; none when it sets none. */
  markOf(rule: number): Uint8Array | undefined {
    return this.#rules[rule]?.mark;
  }

  /** Index of the first rule that matches, or -1. */
  find(signal: Exclude<Signal, 'metrics'>, item: FieldRange, walk: RequestWalk): number {
    if (walk.resource.start !== this.#resourceStart) this.#enterResource(walk);
    let hasFacts = false;
    let hasAttributes = false;
    for (const rule of this.#active) {
      if (!this.#resourceMatches(rule, walk)) continue;
      if (rule.span.length > 0) {
        if (signal !== 'traces') continue;
        if (!hasFacts) this.#readFacts(item, walk);
        hasFacts = true;
        if (!rule.span.every((test) => test(this.#facts))) continue;
      }
      if (walk.index !== undefined && lacksKeys(rule, walk.index)) continue;
      if (rule.item.length > 0 && !hasAttributes) {
        this.#attributes.clear(walk.bytes, ITEM_ATTRIBUTES[signal]);
        this.#attributes.read(item.start, item.end);
        hasAttributes = true;
      }
      if (rule.item.every((test) => test(this.#attributes))) return rule.index;
    }
    return -1;
  }

  #enterResource(walk: RequestWalk): void {
    this.#resourceStart = walk.resource.start;
    this.#hasResource = false;
    for (const rule of this.#active) rule.answer = rule.resource.length === 0 ? 1 : -1;
  }

  #resourceMatches(rule: Rule, { bytes, resource }: RequestWalk): boolean {
    if (rule.answer >= 0) return rule.answer === 1;
    if (!this.#hasResource) {
      this.#resource.clear(bytes, FIELDS.resourceAttributes);
      const part = this.#cursor.enter(bytes, resource.start, resource.end);
      while (nextOf(part, RESOURCE)) this.#resource.read(part.start, part.end);
      this.#hasResource = true;
    }
    rule.answer = rule.resource.every((test) => test(this.#resource)) ? 1 : 0;
    return rule.answer === 1;
  }

  #readFacts(span: FieldRange, { bytes }: RequestWalk): void {
    const facts = this.#facts;
    const cursor = this.#cursor.enter(bytes, span.start, span.end);
    let begin = -1;
    let end = -1;
    facts.kind = 0;
    facts.status = 0;
    while (cursor.next()) {
      const { number } = cursor;
      if (number === FIELDS.kind) facts.kind = readUint32(bytes, cursor.start);
      else if (number === FIELDS.start) begin = cursor.start;
      else if (number === FIELDS.end) end = cursor.start;
      else if (number === FIELDS.status) this.#readStatus(bytes, cursor);
    }
    facts.duration = differenceOf(bytes, begin, end);
  }

  #readStatus(bytes: Uint8Array, { start, end }: FieldRange): void {
    const inner = this.#inner.enter(bytes, start, end);
    while (inner.next()) {
      if (inner.number === FIELDS.code) this.#facts.status = readUint32(bytes, inner.start);
    }
  }
}

/** Whether attributes that the rule needs are not there, which saves reading them. */
function lacksKeys({ keys }: Rule, index: ItemIndex): boolean {
  for (const wanted of keys) if (!index.mayHave(wanted)) return true;
  return false;
}

/** The later fixed64 minus the earlier, exact up to 2^53; fields that are absent are 0. */
function differenceOf(bytes: Uint8Array, earlier: number, later: number): number {
  const half = (at: number, from: number): number => (from < 0 ? 0 : readFixed32(bytes, from + at));
  const high = half(4, later) - half(4, earlier);
  return high * 2 ** 32 + (half(0, later) - half(0, earlier));
}

function compileRule(config: RuleConfig, index: number): Rule {
  const { route, attributes = [], resource_attributes: resource = [], tenant, mark } = config;
  return {
    index,
    tenant: tenant && textTestOf(tenant),
    resource: resource.map(attributeTestOf),
    span: spanTestsOf(config),
    item: [
      ...(route === undefined ? [] : [routeTestOf(route)]),
      ...attributes.map(attributeTestOf),
    ],
    keys: [
      ...(route === undefined ? [] : [ROUTE_KEYS]),
      ...attributes.filter(({ exists }) => exists !== false).map(({ key }) => [Buffer.from(key)]),
    ].map((keys) => keys.map(keyMarkOf)),
    mark: mark === 'none' ? undefined : Buffer.from(mark),
    answer: -1,
  };
}

function spanTestsOf(config: RuleConfig): ((facts: SpanFacts) => boolean)[] {
  const tests: ((facts: SpanFacts) => boolean)[] = [];
  const { status_codes: codes, span_kinds: kinds, min_duration: minMs, route } = config;
  if (codes !== undefined) {
    const wanted = new Set(codes.map(wireNumberOf));
    tests.push(({ status }) => wanted.has(status));
  }
  if (kinds !== undefined) {
    const wanted = new Set(kinds.map(wireNumberOf));
    tests.push(({ kind }) => wanted.has(kind));
  }
  if (minMs !== undefined) tests.push(({ duration }) => duration >= minMs * NANOSECONDS);
  // A route is a property of spans: a rule that asks for one is no rule for log records.
  if (route !== undefined) tests.push(() => true);
  return tests;
}

function routeTestOf(route: TextCondition): ListTest {
  const test = valueTestOf(route);
  return (attributes) => {
    for (const key of ROUTE_KEYS) {
      const index = attributes.find(key);
      if (index >= 0) return test(attributes.valueAt(index));
    }
    return false;
  };
}

function attributeTestOf(condition: AttributeCondition): ListTest {
  const { exists } = condition;
  const key = Buffer.from(condition.key);
  if (exists !== undefined) return (attributes) => attributes.find(key) >= 0 === exists;
  const test = valueTestOf(condition);
  return (attributes) => {
    const index = attributes.find(key);
    return index >= 0 && test(attributes.valueAt(index));
  };
}

/** Of encoded AnyValues. Equality is that of the bytes: to decode a text costs more than all else. */
function valueTestOf({ equals, matches }: Pick<AttributeCondition, 'equals' | 'matches'>) {
  if (matches !== undefined) {
    const pattern = new Pattern(matches);
    return (value: Uint8Array) => pattern.test(textOf(decodeValue(value)));
  }
  const wanted = encodePlain(equals ?? '');
  return (value: Uint8Array) =>
    value.length === wanted.length && Buffer.compare(value, wanted) === 0;
}

function textTestOf({ equals, matches }: TextCondition): TextTest {
  if (matches === undefined) return (text) => text === equals;
  const pattern = new Pattern(matches);
  return (text) => pattern.test(text);
}
