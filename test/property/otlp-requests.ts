import protobuf from 'protobufjs';
import type { Bytes, Signal } from '../../src/contract/batch.ts';
import { reflection } from '../../src/formats/otlp/reflection.ts';
import {
  type Field,
  isMessage,
  type MessageName,
  REQUEST,
  SCHEMA,
} from '../../src/formats/otlp/schema.ts';
import { Writer } from '../../src/wire/writer.ts';

export const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

const root = protobuf.Root.fromJSON(reflection());

export type Plain = Record<string, unknown>;

/** What protobufjs makes of a request: the reference the views are held against. */
export function decode(signal: Signal, bytes: Uint8Array): Plain {
  const type = root.lookupType(REQUEST[signal]);
  return type.toObject(type.decode(bytes), { longs: String, bytes: String, enums: Number });
}

/** What protobufjs makes of any other message of OTLP. */
export function decodeMessage(name: MessageName, bytes: Uint8Array): Plain {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { longs: String, bytes: String, enums: Number });
}

/** Which shapes a generated request may take besides the plain ones. */
export interface GenerateOptions {
  /** Fields that no message knows, groups among them. */
  readonly unknown?: boolean;
  /** Fields in any order, and message fields in several parts. */
  readonly disorder?: boolean;
  /** Members of a oneof side by side, of which a decoder forgets all but the last. */
  readonly overlap?: boolean;
  /** Keys that attributes take, so that edits find some. */
  readonly keys?: readonly string[];
  /** Tracestates that spans take. */
  readonly states?: readonly string[];
}

/** A valid request of up to a few kilobytes; the same for the same seed. */
export function generateRequest(
  signal: Signal,
  seed: number,
  options: GenerateOptions = {},
): Bytes {
  const writer = new Writer();
  new Generator(seed, options).message(writer, REQUEST[signal], 0);
  return writer.finish();
}

/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.next(values.length)]!;
  }
}

const TEXTS = [
  '',
  'a',
  'GET /orders',
  'grüße',
  '日本語のログ',
  '🦭',
  'x'.repeat(70),
  'é'.repeat(90),
];
const KEYS = ['service.name', 'tenant', 'http.route', 'k', 'ключ', 'long.key.'.repeat(16)];
const INTEGERS = [0n, 1n, -1n, 127n, 128n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const UNSIGNED = [0n, 1n, 300n, 2n ** 53n + 1n, 2n ** 64n - 1n];
const DOUBLES = [0, -0, 1.5, -1e300, 5e-324, Number.POSITIVE_INFINITY, Number.NaN];
const UNKNOWN_NUMBERS = [17, 25, 31, 32, 100, 2 ** 29 - 1];
const DEEP = new Set<MessageName>(['AnyValue', 'ArrayValue', 'KeyValueList']);

type Write = (writer: Writer) => void;

class Generator {
  readonly #random: Random;
  readonly #options: GenerateOptions;

  constructor(seed: number, options: GenerateOptions) {
    this.#random = new Random(seed);
    this.#options = options;
  }

  message(writer: Writer, name: MessageName, depth: number): void {
    const random = this.#random;
    const writes: Write[] = [];
    const taken = new Set<string>();
    for (const field of SCHEMA[name]) {
      if (field.oneof && taken.has(field.oneof) && !this.#options.overlap) continue;
      const times = this.#times(field, depth);
      if (times > 0 && field.oneof) taken.add(field.oneof);
      for (let time = 0; time < times; time++) writes.push((to) => this.#field(to, field, depth));
    }
    if (this.#options.unknown && random.next(3) === 0) writes.push((to) => this.#unknown(to, 0));
    if (this.#options.disorder) {
      for (let last = writes.length - 1; last > 0; last--) {
        const other = random.next(last + 1);
        [writes[last], writes[other]] = [writes[other]!, writes[last]!];
      }
    }
    for (const write of writes) write(writer);
  }

  #times(field: Field, depth: number): number {
    const random = this.#random;
    const { disorder } = this.#options;
    if (isMessage(field.type) && DEEP.has(field.type) && depth > 12) return 0;
    if (field.repeated && depth < 3) return random.next(4);
    if (field.repeated) return random.next(3);
    if (random.next(field.oneof ? 3 : 4) === 0) return field.oneof ? 1 : 0;
    if (disorder && isMessage(field.type) && random.next(4) === 0) return 2;
    return field.oneof ? 0 : 1;
  }

  #field(writer: Writer, field: Field, depth: number): void {
    const { number, type } = field;
    const random = this.#random;
    if (isMessage(type)) {
      writer.open(number);
      this.message(writer, type, depth + 1);
      writer.close();
    } else if (field.name === 'key') {
      writer.string(number, random.pick(this.#options.keys ?? KEYS));
    } else if (field.name === 'trace_state' && this.#options.states) {
      writer.string(number, random.pick(this.#options.states));
    } else if (field.repeated && type !== 'string' && random.next(2) === 0) {
      this.#packed(writer, field);
    } else {
      this.#scalar(writer, field);
    }
  }

  /** The same scalars with their tags left out, in one field. */
  #packed(writer: Writer, field: Field): void {
    const values = new Writer();
    for (let left = this.#random.next(5); left > 0; left--) {
      const one = new Writer();
      this.#scalar(one, { ...field, number: 1 });
      values.raw(one.finish().subarray(1));
    }
    writer.bytes(field.number, values.finish());
  }

  #scalar(writer: Writer, { number, type, id }: Field): void {
    const random = this.#random;
    switch (type) {
      case 'string':
        writer.string(number, random.pick(TEXTS));
        break;
      case 'bytes':
        writer.bytes(number, this.#bytes(id ? random.pick([0, id, id]) : random.next(200)));
        break;
      case 'bool':
        writer.uint(number, random.next(2));
        break;
      case 'sint32':
        writer.sint32(number, random.pick([0, 1, -1, 1000, -(2 ** 31), 2 ** 31 - 1]));
        break;
      case 'enum':
      case 'uint32':
        writer.uint(number, random.pick([0, 1, 2, 9, 2 ** 31 - 1]));
        break;
      case 'int64':
        writer.int64(number, random.pick(INTEGERS));
        break;
      case 'uint64':
        writer.int64(number, random.pick(UNSIGNED));
        break;
      case 'fixed32':
        writer.fixed32(number, random.pick([0, 1, 257, 2 ** 32 - 1]));
        break;
      case 'double':
        writer.double(number, random.pick(DOUBLES));
        break;
      default:
        writer.fixed64(number, random.pick([0n, 0n, ...INTEGERS]));
    }
  }

  #unknown(writer: Writer, depth: number): void {
    const random = this.#random;
    const number = random.pick(UNKNOWN_NUMBERS);
    switch (random.next(depth > 3 ? 4 : 5)) {
      case 0:
        writer.int64(number, random.pick(INTEGERS));
        break;
      case 1:
        writer.fixed64(number, random.pick(UNSIGNED));
        break;
      case 2:
        writer.fixed32(number, random.next(2 ** 31));
        break;
      case 3:
        writer.bytes(number, this.#bytes(random.next(40)));
        break;
      default: {
        const tag = new Writer().uint(number, 0).finish().slice(0, -1);
        const start = Uint8Array.from(tag);
        start[0]! |= 3;
        const end = Uint8Array.from(tag);
        end[0]! |= 4;
        writer.raw(start);
        for (let left = random.next(3); left > 0; left--) this.#unknown(writer, depth + 1);
        writer.raw(end);
      }
    }
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.next(256));
  }
}
