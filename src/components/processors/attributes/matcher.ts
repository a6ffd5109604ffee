import type { Bytes, Signal } from '../../../contract/batch.ts';
import { Pattern } from '../../../formats/otlp/actions/pattern.ts';
import { encodePlain, type PlainValue, textOf } from '../../../formats/otlp/actions/plain-value.ts';
import { decodeValue } from '../../../formats/otlp/any-value.ts';
import { AttributeList } from '../../../formats/otlp/attributes.ts';
import { findEnumName } from '../../../formats/otlp/json/keys.ts';
import { nextOf, numberOf, RESOURCE, type RequestWalk, SCOPE } from '../../../formats/otlp/walk.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { readUint32 } from '../../../wire/varint.ts';
import type { MatchConfig } from './settings.ts';

const FIELDS = {
  resourceAttributes: numberOf('Resource', 'attributes'),
  scopeName: numberOf('InstrumentationScope', 'name'),
  scopeVersion: numberOf('InstrumentationScope', 'version'),
  spanName: numberOf('Span', 'name'),
  spanKind: numberOf('Span', 'kind'),
  logBody: numberOf('LogRecord', 'body'),
  severityText: numberOf('LogRecord', 'severity_text'),
  severityNumber: numberOf('LogRecord', 'severity_number'),
  metricName: numberOf('Metric', 'name'),
} as const;

const SERVICE_NAME = Buffer.from('service.name');

type TextTest = (text: string) => boolean;
type ListTest = (attributes: AttributeList) => boolean;
/** Whether the record the walk stands on has what is asked for. */
type RecordTest = (walk: RequestWalk) => boolean;

/**
 * Decides which spans, log records and data points an action is for. Every property that is given
 * must match. What a resource or a scope answers is asked once for all that is in it. A property
 * of another signal matches nothing.
 */
export class Matcher {
  readonly #resourceTests: readonly ListTest[];
  readonly #scopeTest: ((walk: RequestWalk) => boolean) | undefined;
  readonly #recordTests: Readonly<Record<Signal, readonly RecordTest[]>>;
  readonly #attributesTest: ListTest | undefined;
  readonly #resource = new AttributeList();
  readonly #cursor = new FieldCursor();
  readonly #inner = new FieldCursor();
  #chunk = Buffer.alloc(0);
  // Of the resource and the scope that were asked last.
  #resourceStart = -1;
  #resourceMatches = false;
  #scopeStart = -1;
  #scopeMatches = false;

  constructor(config: MatchConfig) {
    const text = textTestsOf(config);
    const { services, resources, libraries, attributes } = config;
    this.#resourceTests = [
      ...(services === undefined ? [] : [serviceTest(text(services))]),
      ...(resources === undefined ? [] : [attributesTest(config, resources)]),
    ];
    this.#attributesTest = attributes && attributesTest(config, attributes);
    this.#scopeTest = libraries && this.#libraryTest(config, libraries);
    this.#recordTests = this.#recordTestsOf(config, text);
  }

  /** Forgets the request before; to be called for every chunk. */
  begin(chunk: Bytes): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#resourceStart = -1;
    this.#scopeStart = -1;
  }

  matches(signal: Signal, attributes: AttributeList, walk: RequestWalk): boolean {
    if (!this.#matchesResource(walk) || !this.#matchesScope(walk)) return false;
    for (const test of this.#recordTests[signal]) if (!test(walk)) return false;
    return this.#attributesTest?.(attributes) ?? true;
  }

  #matchesResource(walk: RequestWalk): boolean {
    if (this.#resourceTests.length === 0) return true;
    const { start, end } = walk.resource;
    if (start === this.#resourceStart) return this.#resourceMatches;
    this.#resource.clear(walk.bytes, FIELDS.resourceAttributes);
    const part = this.#cursor.enter(walk.bytes, start, end);
    while (nextOf(part, RESOURCE)) this.#resource.read(part.start, part.end);
    this.#resourceStart = start;
    this.#resourceMatches = this.#resourceTests.every((test) => test(this.#resource));
    return this.#resourceMatches;
  }

  #matchesScope(walk: RequestWalk): boolean {
    if (this.#scopeTest === undefined) return true;
    if (walk.scope.start === this.#scopeStart) return this.#scopeMatches;
    this.#scopeStart = walk.scope.start;
    this.#scopeMatches = this.#scopeTest(walk);
    return this.#scopeMatches;
  }

  #libraryTest(config: MatchConfig, libraries: NonNullable<MatchConfig['libraries']>): RecordTest {
    const text = textTestsOf(config);
    const tests = libraries.map(({ name, version }) => {
      const hasName = text([name]);
      const hasVersion = typeof version === 'string' ? text([version]) : () => true;
      return (scopeName: string, scopeVersion: string) =>
        hasName(scopeName) && hasVersion(scopeVersion);
    });
    return (walk) => {
      const scope = this.#find(walk.bytes, walk.scope, SCOPE);
      const range = { start: scope?.start ?? 0, end: scope?.end ?? 0 };
      const name = this.#text(walk.bytes, range, FIELDS.scopeName);
      const version = this.#text(walk.bytes, range, FIELDS.scopeVersion);
      return tests.some((test) => test(name, version));
    };
  }

  #recordTestsOf(config: MatchConfig, text: (texts: readonly string[]) => TextTest) {
    const spans: RecordTest[] = [];
    const logs: RecordTest[] = [];
    const metrics: RecordTest[] = [];
    const onText = (texts: readonly string[] | undefined, number: number, tests: RecordTest[]) => {
      if (texts === undefined) return;
      const test = text(texts);
      tests.push((walk) => test(this.#text(walk.bytes, walk.record, number)));
    };
    onText(config.span_names, FIELDS.spanName, spans);
    onText(config.log_severity_texts, FIELDS.severityText, logs);
    onText(config.metric_names, FIELDS.metricName, metrics);
    const { span_kinds: kinds, log_bodies: bodies, log_severity_number: severity } = config;
    if (kinds !== undefined) {
      const test = text(kinds);
      spans.push((walk) => {
        const kind = this.#number(walk, FIELDS.spanKind);
        return test(findEnumName('kind', kind) ?? String(kind));
      });
    }
    if (bodies !== undefined) {
      const test = text(bodies);
      logs.push((walk) => {
        const body = this.#find(walk.bytes, walk.record, FIELDS.logBody);
        if (body === undefined) return false;
        const value = decodeValue(walk.bytes.subarray(body.start, body.end));
        return value.kind === 'string' && test(value.value);
      });
    }
    if (severity !== undefined) {
      logs.push((walk) => {
        const number = this.#number(walk, FIELDS.severityNumber);
        return number === 0 ? severity.match_undefined : number >= severity.min;
      });
    }
    const never: RecordTest = () => false;
    const foreign = (own: RecordTest[]) =>
      spans.length + logs.length + metrics.length > own.length ? [never] : own;
    return { traces: foreign(spans), logs: foreign(logs), metrics: foreign(metrics) };
  }

  /** The first field of that number; the cursor that stands on it is reused by the next call. */
  #find(bytes: Uint8Array, around: Pick<FieldRange, 'start' | 'end'>, number: number) {
    const cursor = this.#inner.enter(bytes, around.start, around.end);
    while (cursor.next()) if (cursor.number === number) return cursor;
    return undefined;
  }

  #text(bytes: Uint8Array, around: Pick<FieldRange, 'start' | 'end'>, number: number): string {
    const field = this.#find(bytes, around, number);
    return field === undefined ? '' : this.#chunk.toString('utf8', field.start, field.end);
  }

  #number(walk: RequestWalk, number: number): number {
    const field = this.#find(walk.bytes, walk.record, number);
    return field === undefined ? 0 : readUint32(walk.bytes, field.start);
  }
}

/** Makes tests that hold when one of the texts matches. */
function textTestsOf(config: MatchConfig): (texts: readonly string[]) => TextTest {
  if (config.match_type === 'strict') {
    return (texts) => {
      const known = new Set(texts);
      return (text) => known.has(text);
    };
  }
  const remembered = config.regexp?.cachemaxnumentries;
  return (texts) => {
    const patterns = texts.map((source) => new Pattern(source, remembered));
    return (text) => patterns.some((pattern) => pattern.test(text));
  };
}

function serviceTest(test: TextTest): ListTest {
  return (resource) => {
    const index = resource.find(SERVICE_NAME);
    return index >= 0 && test(textOf(decodeValue(resource.valueAt(index))));
  };
}

interface Wanted {
  readonly key: string;
  readonly value?: PlainValue | undefined;
}

/** Holds when every attribute is there with its value, or with any when none is given. */
function attributesTest(config: MatchConfig, wanted: readonly Wanted[]): ListTest {
  const text = textTestsOf(config);
  const tests = wanted.map(({ key, value }): ListTest => {
    const bytes = Buffer.from(key);
    if (value === undefined) return (attributes) => attributes.find(bytes) >= 0;
    if (config.match_type === 'regexp' && typeof value === 'string') {
      const matches = text([value]);
      return (attributes) => {
        const index = attributes.find(bytes);
        return index >= 0 && matches(textOf(decodeValue(attributes.valueAt(index))));
      };
    }
    const encoded = encodePlain(value);
    return (attributes) => {
      const index = attributes.find(bytes);
      return index >= 0 && Buffer.compare(attributes.valueAt(index), encoded) === 0;
    };
  });
  return (attributes) => tests.every((test) => test(attributes));
}
