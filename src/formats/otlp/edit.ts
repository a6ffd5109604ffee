import type { Bytes, Signal } from '../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../wire/cursor.ts';
import { Splice } from '../../wire/splice.ts';
import { Writer } from '../../wire/writer.ts';
import { AttributeList } from './attributes.ts';
import { knownIndex } from './validate.ts';
import { nextOf, numberOf, POINT_KIND, RequestWalk, RESOURCE, SCOPE } from './walk.ts';

/**
 * Looks at, and may change, one list of attributes. `walk` stands on what the attributes belong
 * to, for conditions that ask for more; it must not be moved. Both are reused after the call.
 */
export type EditAttributes = (attributes: AttributeList, walk: RequestWalk) => void;

const RESOURCE_ATTRIBUTES = numberOf('Resource', 'attributes');
const SCOPE_ATTRIBUTES = numberOf('InstrumentationScope', 'attributes');
const POINT_ATTRIBUTES = POINT_KIND.map((kind) => (kind ? numberOf(kind, 'attributes') : 0));
const RECORD_ATTRIBUTES: Readonly<Record<Signal, number>> = {
  traces: numberOf('Span', 'attributes'),
  logs: numberOf('LogRecord', 'attributes'),
  metrics: numberOf('Metric', 'metadata'),
};

/** Edits the attributes of every resource of a valid request; the same array when none changed. */
export function editResourceAttributes(bytes: Bytes, edit: EditAttributes): Bytes {
  return new Edit(bytes, edit).resources();
}

/** Edits the attributes of every scope of a valid request; the same array when none changed. */
export function editScopeAttributes(bytes: Bytes, edit: EditAttributes): Bytes {
  return new Edit(bytes, edit).scopes();
}

/**
 * Edits the attributes of every span, data point or log record of a valid request; the same
 * array when none changed. Of data points, `walk.record` is the metric and `walk.point` the point.
 */
export function editItemAttributes(signal: Signal, bytes: Bytes, edit: EditAttributes): Bytes {
  const run = new Edit(bytes, edit);
  return signal === 'metrics' ? run.points() : run.records(RECORD_ATTRIBUTES[signal]);
}

class Edit {
  readonly #bytes: Bytes;
  readonly #edit: EditAttributes;
  readonly #splice: Splice;
  readonly #walk: RequestWalk;
  readonly #attributes = new AttributeList();
  readonly #cursor = new FieldCursor();
  readonly #parts: FieldRange[] = [];
  // How many of the fields around the current item the splice has entered.
  #entered = 0;

  constructor(bytes: Bytes, edit: EditAttributes) {
    this.#bytes = bytes;
    this.#edit = edit;
    this.#splice = new Splice(bytes);
    this.#walk = new RequestWalk().enter(bytes);
  }

  resources(): Bytes {
    const walk = this.#walk;
    while (walk.nextResource()) {
      if (this.#collect(walk.resource, RESOURCE, RESOURCE_ATTRIBUTES)) {
        this.#splice.enter(walk.resource);
        this.#applyTo(walk.resource, RESOURCE);
        this.#splice.leave();
      }
    }
    return this.#finish();
  }

  scopes(): Bytes {
    const walk = this.#walk;
    while (walk.nextResource()) {
      while (walk.nextScope()) {
        if (!this.#collect(walk.scope, SCOPE, SCOPE_ATTRIBUTES)) continue;
        this.#enter(walk.resource, walk.scope);
        this.#applyTo(walk.scope, SCOPE);
        this.#leave(1);
      }
      this.#leave(0);
    }
    return this.#finish();
  }

  records(number: number): Bytes {
    const walk = this.#walk;
    while (walk.nextResource()) {
      while (walk.nextScope()) {
        while (walk.nextRecord()) {
          if (!this.#collectItem(walk.record, number)) continue;
          this.#enter(walk.resource, walk.scope);
          this.#applyToItem(walk.record);
        }
        this.#leave(1);
      }
      this.#leave(0);
    }
    return this.#splice.finish();
  }

  points(): Bytes {
    const walk = this.#walk;
    while (walk.nextResource()) {
      while (walk.nextScope()) {
        while (walk.nextRecord()) {
          this.#pointsOfMetric();
          this.#leave(2);
        }
        this.#leave(1);
      }
      this.#leave(0);
    }
    return this.#splice.finish();
  }

  #pointsOfMetric(): void {
    const walk = this.#walk;
    walk.enterMetric();
    while (walk.nextData()) {
      const number = POINT_ATTRIBUTES[walk.data.number]!;
      while (walk.nextPoint()) {
        if (!this.#collectItem(walk.point, number)) continue;
        this.#enter(walk.resource, walk.scope, walk.record, walk.data);
        this.#applyToItem(walk.point);
      }
      this.#leave(3);
    }
  }

  /** Of edits outside of items. */
  #finish(): Bytes {
    return this.#splice.finish(knownIndex(this.#bytes));
  }

  /** Enters those of the fields, outermost first, that the splice has not entered yet. */
  #enter(...around: readonly FieldRange[]): void {
    for (; this.#entered < around.length; this.#entered++)
      this.#splice.enter(around[this.#entered]!);
  }

  /** Leaves entered fields until only `depth` are entered. */
  #leave(depth: number): void {
    for (; this.#entered > depth; this.#entered--) this.#splice.leave();
  }

  #collectItem(item: FieldRange, number: number): boolean {
    this.#attributes.clear(this.#bytes, number);
    this.#attributes.read(item.start, item.end);
    this.#edit(this.#attributes, this.#walk);
    return this.#attributes.changed;
  }

  #applyToItem(item: FieldRange): void {
    this.#splice.enter(item);
    this.#attributes.apply(this.#splice, item.start, item.end);
    this.#attributes.applyNew(this.#splice, item.end);
    this.#splice.leave();
  }

  /** Reads the attributes of the message field `part`, all parts of it, and has them edited. */
  #collect(around: FieldRange, part: number, number: number): boolean {
    this.#attributes.clear(this.#bytes, number);
    this.#parts.length = 0;
    const cursor = this.#cursor.enter(this.#bytes, around.start, around.end);
    while (nextOf(cursor, part)) {
      const { tagStart, start, end } = cursor;
      this.#parts.push({ tagStart, start, end });
      this.#attributes.read(start, end);
    }
    this.#edit(this.#attributes, this.#walk);
    return this.#attributes.changed;
  }

  #applyTo(around: FieldRange, part: number): void {
    const splice = this.#splice;
    const parts = this.#parts;
    for (const [index, each] of parts.entries()) {
      splice.enter(each);
      this.#attributes.apply(splice, each.start, each.end);
      if (index === parts.length - 1) this.#attributes.applyNew(splice, each.end);
      splice.leave();
    }
    const fields = parts.length === 0 ? this.#attributes.newFields() : NOTHING;
    if (fields.length > 0) splice.insert(around.start, new Writer().bytes(part, fields).finish());
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
