import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Signal } from '../../src/contract/batch.ts';
import { decodeJson } from '../../src/formats/otlp/json/decode.ts';
import { encodeJson } from '../../src/formats/otlp/json/encode.ts';
import { OtlpJsonError } from '../../src/formats/otlp/json/error.ts';
import { isMessage, type MessageName, REQUEST, SCHEMA } from '../../src/formats/otlp/schema.ts';
import { validateRequest } from '../../src/formats/otlp/validate.ts';
import { decode, generateRequest, type Plain, SIGNALS } from './otlp-requests.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom<Signal>(...SIGNALS);
const ANY = { unknown: true, disorder: true, overlap: true };

/** The same message without scalars that hold their default, which proto3 does not tell apart. */
function canonical(message: Plain, name: MessageName): Plain {
  const result: Plain = {};
  for (const { jsonName, type, repeated, optional, oneof } of SCHEMA[name]) {
    const value = message[jsonName];
    if (value === undefined) continue;
    const one = (each: unknown) => (isMessage(type) ? canonical(each as Plain, type) : each);
    if (repeated) result[jsonName] = (value as unknown[]).map(one);
    else {
      const isDefault = value === '' || value === '0' || value === false || Object.is(value, 0);
      const isImplicit = !isMessage(type) && !optional && !oneof;
      if (!(isImplicit && isDefault)) result[jsonName] = one(value);
    }
  }
  return result;
}

function parts(signal: Signal, seed: number): Plain {
  const bytes = generateRequest(signal, seed, ANY);
  const text = encodeJson(signal, [bytes]);
  const back = decodeJson(signal, text);
  validateRequest(signal, back);
  return { bytes, text, back };
}

test('OTLP-J6: protobuf to JSON to protobuf keeps every field of any request', () => {
  fc.assert(
    fc.property(signals, seeds, (signal, seed) => {
      const { bytes, back } = parts(signal, seed) as Record<string, Uint8Array>;
      const name = REQUEST[signal];
      assert.deepEqual(
        canonical(decode(signal, back ?? new Uint8Array(0)), name),
        canonical(decode(signal, bytes ?? new Uint8Array(0)), name),
      );
    }),
    { numRuns: 500 },
  );
});

test('JSON to protobuf to JSON is the same text', () => {
  fc.assert(
    fc.property(signals, seeds, (signal, seed) => {
      const { back } = parts(signal, seed);
      const once = encodeJson(signal, [back as Uint8Array<ArrayBuffer>]);
      const twice = encodeJson(signal, [decodeJson(signal, once)]);
      assert.equal(Buffer.from(twice).toString(), Buffer.from(once).toString());
    }),
    { numRuns: 300 },
  );
});

test('several chunks become one request with all their resources', () => {
  fc.assert(
    fc.property(signals, seeds, seeds, (signal, left, right) => {
      const chunks = [left, right].map((seed) => generateRequest(signal, seed));
      const joined = decodeJson(signal, encodeJson(signal, chunks));
      const name = REQUEST[signal];
      const expected = canonical(decode(signal, Buffer.concat(chunks)), name);
      assert.deepEqual(canonical(decode(signal, joined), name), expected);
    }),
    { numRuns: 200 },
  );
});

test('a damaged JSON request is valid or an OtlpJsonError, never anything else', () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let run = 0; run < 6_000; run++) {
    const signal = SIGNALS[run % 3] ?? 'traces';
    if (run % 200 === 0) seed += run;
    const text = Buffer.from(encodeJson(signal, [generateRequest(signal, Math.floor(run / 20))]));
    const damaged = random(4) === 0 ? text.subarray(0, random(text.length + 1)) : text;
    for (let edits = random(3); edits > 0 && damaged.length > 0; edits--) {
      damaged[random(damaged.length)] =
        random(2) === 0 ? random(256) : '{}[]":,0-e\\n'.charCodeAt(random(12));
    }
    try {
      validateRequest(signal, decodeJson(signal, damaged));
    } catch (error) {
      assert.ok(error instanceof OtlpJsonError, String(error));
    }
  }
});
