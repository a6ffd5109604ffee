import { isUtf8 } from 'node:buffer';
import type { Bytes, Signal } from '../../../contract/batch.ts';
import { FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, writeVarint } from '../../../wire/varint.ts';
import { MAX_DEPTH } from '../../../wire/shape.ts';
import { Writer } from '../../../wire/writer.ts';
import { type Field, REQUEST } from '../schema.ts';
import { findKey, hashOf, type Key, type Keys, keysOf } from './keys.ts';
import { ScalarReader } from './scalar-reader.ts';
import { JsonScanner } from './scanner.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * Encodes an OTLP/JSON request as protobuf, without building objects in between. Throws
 * `OtlpJsonError`, also when the protobuf would be larger than `maxBytes`: numbers in arrays
 * take up to four times the room they have in JSON.
 */
export function decodeJson(signal: Signal, body: Uint8Array, maxBytes = Infinity): Bytes {
  return new JsonDecoder(body, maxBytes).decode(keysOf(REQUEST[signal]));
}

class JsonDecoder {
  readonly #scanner: JsonScanner;
  readonly #scalars: ScalarReader;
  readonly #writer: Writer;
  readonly #maxBytes: number;
  /** One encoded scalar on its way into the message. */
  readonly #scratch = Buffer.alloc(32);
  #depth = 0;

  constructor(body: Uint8Array, maxBytes: number) {
    this.#scanner = new JsonScanner(body);
    this.#scalars = new ScalarReader(this.#scanner);
    this.#writer = new Writer(Math.max(64, Math.min(body.length, maxBytes)));
    this.#maxBytes = maxBytes;
  }

  decode(request: Keys): Bytes {
    const scanner = this.#scanner;
    if (!isUtf8(scanner.bytes)) scanner.fail('the body is not valid UTF-8', 0);
    const [first, second, third] = scanner.bytes;
    if (first === 0xef && second === 0xbb && third === 0xbf) scanner.position = 3;
    this.#fields(request);
    if (scanner.peek() !== 0 || scanner.position < scanner.bytes.length) {
      scanner.fail('expected nothing behind the request');
    }
    return this.#writer.finish();
  }

  /** Reads an object and writes the fields of its message. */
  #fields(keys: Keys): void {
    const scanner = this.#scanner;
    scanner.expect(OPEN_BRACE);
    if (++this.#depth > MAX_DEPTH) scanner.fail('nested too deeply');
    let choice: Field | undefined;
    if (!scanner.skip(CLOSE_BRACE)) {
      do {
        scanner.scanString();
        const key = scanner.escaped ? this.#unescapedKey(keys) : findKey(keys, scanner);
        scanner.expect(COLON);
        if (key === undefined) scanner.skipValue(MAX_DEPTH);
        else if (scanner.skipLiteral('null')) continue;
        else {
          if (key.field.oneof !== undefined) {
            if (choice !== undefined) this.#refuseChoice(choice);
            choice = key.field;
          }
          this.#value(key);
        }
      } while (scanner.skip(COMMA));
      scanner.expect(CLOSE_BRACE);
    }
    this.#depth--;
    this.#checkSize();
  }

  #value(key: Key): void {
    const { field, message } = key;
    if (field.repeated) return this.#array(key);
    if (message !== undefined) return this.#message(field, message);
    switch (field.type) {
      case 'string':
        return this.#string(key);
      case 'bytes':
        return this.#bytes(key);
      default: {
        const size = this.#scalar(key, false);
        this.#writer.raw(this.#scratch, 0, size);
      }
    }
  }

  #message(field: Field, keys: Keys): void {
    this.#writer.open(field.number);
    this.#fields(keys);
    this.#writer.close();
  }

  #array(key: Key): void {
    const scanner = this.#scanner;
    const { field, message } = key;
    scanner.expect(OPEN_BRACKET);
    if (scanner.skip(CLOSE_BRACKET)) return;
    const isPacked = message === undefined && field.type !== 'string';
    if (isPacked) this.#writer.open(field.number);
    do {
      if (message !== undefined) {
        // A null in a list keeps its place as an empty message.
        if (scanner.skipLiteral('null')) this.#writer.open(field.number).close();
        else this.#message(field, message);
      } else if (isPacked) {
        this.#writer.raw(this.#scratch, 0, this.#scalar(key, true));
      } else this.#string(key);
      this.#checkSize();
    } while (scanner.skip(COMMA));
    scanner.expect(CLOSE_BRACKET);
    if (isPacked) this.#writer.close();
  }

  #string({ field, implicit }: Key): void {
    const scanner = this.#scanner;
    if (scanner.peek() !== 0x22) scanner.fail('expected a string');
    scanner.scanString();
    if (scanner.start === scanner.end && implicit) return;
    if (scanner.escaped) this.#writer.string(field.number, scanner.text());
    else this.#writer.bytes(field.number, scanner.bytes.subarray(scanner.start, scanner.end));
  }

  #bytes({ field, implicit }: Key): void {
    const scanner = this.#scanner;
    const at = scanner.peek() === 0x22 ? scanner.position : scanner.fail('expected a string');
    scanner.scanString();
    if (scanner.start === scanner.end && implicit) return;
    const text = scanner.text();
    if (field.id !== undefined) {
      const digits = field.id * 2;
      const isId = text.length === digits && /^[0-9a-f]*$/i.test(text);
      if (!isId) scanner.fail(`expected ${digits} hex digits, got ${shown(text)}`, at);
      this.#writer.bytes(field.number, Buffer.from(text, 'hex'));
      return;
    }
    const isBase64 =
      /^[0-9a-z+/_-]*={0,2}$/i.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
    if (!isBase64) scanner.fail(`expected base64, got ${shown(text)}`, at);
    this.#writer.bytes(field.number, Buffer.from(text, 'base64'));
  }

  /** Encodes a number into `#scratch`, with its tag unless it is packed; answers its size. */
  #scalar({ field, implicit }: Key, isPacked: boolean): number {
    const scratch = this.#scratch;
    const scalars = this.#scalars;
    const { number, type } = field;
    switch (type) {
      case 'bool':
      case 'enum':
      case 'int32':
      case 'uint32':
      case 'sint32': {
        const value = type === 'bool' ? Number(scalars.bool()) : scalars.int32(field);
        if (value === 0 && implicit) return 0;
        const at = isPacked ? 0 : writeVarint(scratch, 0, number * 8 + VARINT);
        if (type === 'sint32')
          return writeVarint(scratch, at, ((value << 1) ^ (value >> 31)) >>> 0);
        if (value >= 0) return writeVarint(scratch, at, value);
        return writeHalves(scratch, at, [0xffffffff, value >>> 0]);
      }
      case 'fixed32': {
        const value = scalars.int32(field);
        if (value === 0 && implicit) return 0;
        const at = isPacked ? 0 : writeVarint(scratch, 0, number * 8 + FIXED32);
        return scratch.writeUInt32LE(value, at);
      }
      case 'double': {
        const value = scalars.double();
        if (Object.is(value, 0) && implicit) return 0;
        const at = isPacked ? 0 : writeVarint(scratch, 0, number * 8 + FIXED64);
        return scratch.writeDoubleLE(value, at);
      }
      case 'int64':
      case 'uint64':
      case 'fixed64':
      case 'sfixed64': {
        scalars.int64(type);
        const { high, low } = scalars;
        if (high === 0 && low === 0 && implicit) return 0;
        const isFixed = type === 'fixed64' || type === 'sfixed64';
        const tag = number * 8 + (isFixed ? FIXED64 : VARINT);
        const at = isPacked ? 0 : writeVarint(scratch, 0, tag);
        if (!isFixed) return writeHalves(scratch, at, [high, low]);
        return scratch.writeUInt32LE(high, scratch.writeUInt32LE(low, at));
      }
      default:
        throw new Error(`bug: ${type} (wire type ${LENGTH_DELIMITED}) is no number`);
    }
  }

  #unescapedKey(keys: Keys): Key | undefined {
    const bytes = Buffer.from(this.#scanner.text());
    return findKey(keys, { bytes, start: 0, end: bytes.length, hash: hashOf(bytes) });
  }

  #refuseChoice(first: Field): never {
    return this.#scanner.fail(`a value is given here although ${first.jsonName} is given too`);
  }

  #checkSize(): void {
    if (this.#writer.length <= this.#maxBytes) return;
    const what = `more than ${this.#maxBytes} bytes in protobuf`;
    this.#scanner.fail(what, this.#scanner.position, 'too_large');
  }
}

/** Writes a 64-bit varint from its halves; answers the offset behind it. */
function writeHalves(bytes: Uint8Array, offset: number, halves: readonly [number, number]): number {
  let [high, low] = halves;
  let at = offset;
  while (high !== 0) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return writeVarint(bytes, at, low);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
