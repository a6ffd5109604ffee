/** What nobody should send, made from a seed. */
import { constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { compressSync as snappyBlock } from 'snappy';
import { payloadOf } from '../../../bench/load/payload.ts';

const BOMB_BYTES = 160 << 20;
const DEEP = 20_000;

/** Reproducible random numbers. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including `below`. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below;
  }

  whole(below: number): number {
    return Math.floor(this.roll(below));
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.whole(from.length)] ?? from[0];
  }

  bytes(most: number): Buffer {
    const bytes = Buffer.alloc(this.whole(most));
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = this.whole(256);
    return bytes;
  }
}

/** A body, and what its head says of it. */
export interface Body {
  readonly name: string;
  readonly bytes: Buffer;
  readonly type: 'application/x-protobuf' | 'application/json';
  readonly encoding?: string;
}

/** A valid request of 20 spans. */
export const VALID = Buffer.from(payloadOf({ signal: 'traces', items: 20, itemBytes: 400 }).bytes);
const JSON_BODY =
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a","startTimeUnixNano":"1","attributes":[{"key":"k","value":{"stringValue":"v"}}]}]}]}]}';

/** Every kind of wrong body there is. */
export class Bodies {
  readonly #dice: Dice;
  readonly #bombs: readonly (readonly [string, Buffer])[];
  readonly #deep: Buffer = deepValue();

  constructor(dice: Dice) {
    this.#dice = dice;
    const zeros = Buffer.alloc(BOMB_BYTES);
    const liar = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x41]);
    this.#bombs = [
      ['gzip', gzipSync(zeros, { level: 9 })],
      ['deflate', deflateSync(zeros, { level: 9 })],
      ['zstd', zstdCompressSync(zeros, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })],
      ['snappy', snappyBlock(zeros.subarray(0, 100 << 20))],
      ['snappy', liar],
      ['x-snappy-framed', Buffer.from('ff060000734e61507059010500000000000000', 'hex')],
      ['lz4', Buffer.from('04224d186440a7ffffffff0000', 'hex')],
    ];
  }

  next(): Body {
    const dice = this.#dice;
    const json = dice.whole(4) === 0;
    return dice.whole(3) === 0 ? this.#encoded() : json ? this.#json() : this.#protobuf();
  }

  #protobuf(): Body {
    const dice = this.#dice;
    const type = 'application/x-protobuf';
    switch (dice.whole(5)) {
      case 0:
        return { name: 'garbage', bytes: dice.bytes(3000), type };
      case 1:
        return { name: 'truncated', bytes: VALID.subarray(0, dice.whole(VALID.length)), type };
      case 2:
        return { name: 'deep', bytes: this.#deep, type };
      case 3:
        return { name: 'empty', bytes: Buffer.alloc(0), type };
      default:
        return { name: 'mutated', bytes: this.#mutated(VALID), type };
    }
  }

  #json(): Body {
    const dice = this.#dice;
    const texts: [string, ...string[]] = [
      JSON_BODY.slice(0, dice.whole(JSON_BODY.length)),
      this.#mutated(Buffer.from(JSON_BODY)).toString('latin1'),
      '['.repeat(DEEP),
      '{"a":'.repeat(DEEP),
      `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(5000)}${']}}'.repeat(5000)}}]}}]}`,
      '{"resourceSpans":1e999}',
      '{"__proto__":{"resourceSpans":[]},"resourceSpans":null}',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","startTimeUnixNano":"-1"}]}]}]}',
      '"\\ud800"',
      '',
    ];
    const text = dice.pick(texts);
    return { name: 'json', bytes: Buffer.from(text, 'latin1'), type: 'application/json' };
  }

  #encoded(): Body {
    const dice = this.#dice;
    const type = 'application/x-protobuf';
    const [encoding, bomb] = this.#bombs[dice.whole(this.#bombs.length)] ?? ['', VALID];
    const whole = dice.whole(3) === 0 ? gzipSync(VALID) : bomb;
    switch (dice.whole(5)) {
      case 0:
        return { name: `${encoding} bomb`, bytes: bomb, type, encoding };
      case 1: {
        const bytes = whole.subarray(0, dice.whole(whole.length));
        return { name: `${encoding} truncated`, bytes, type, encoding };
      }
      case 2:
        return { name: `${encoding} garbage`, bytes: dice.bytes(2000), type, encoding };
      case 3:
        return {
          name: 'unknown coding',
          bytes: VALID,
          type,
          encoding: dice.pick(['br', 'x', '*']),
        };
      default: {
        const bytes = this.#mutated(gzipSync(VALID));
        return { name: 'gzip mutated', bytes, type, encoding: 'gzip' };
      }
    }
  }

  #mutated(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let times = 1 + this.#dice.whole(20); times > 0; times -= 1) {
      copy[this.#dice.whole(copy.length)] = this.#dice.whole(256);
    }
    return copy;
  }
}

/** A resource attribute whose value is a list in a list in a list, lengths right. */
function deepValue(): Buffer {
  const heads: Buffer[] = [];
  let length = 0;
  const enclose = (tag: number): void => {
    const head = Buffer.from([tag, ...varint(length)]);
    heads.push(head);
    length += head.length;
  };
  // ArrayValue { repeated AnyValue values = 1; } inside AnyValue { ArrayValue array_value = 5; }
  for (let depth = 0; depth < 5000; depth += 1) {
    enclose(0x0a);
    enclose(0x2a);
  }
  // KeyValue.value = 2, Resource.attributes = 1, ResourceSpans.resource = 1, request = 1
  for (const tag of [0x12, 0x0a, 0x0a, 0x0a]) enclose(tag);
  return Buffer.concat(heads.toReversed());
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}
