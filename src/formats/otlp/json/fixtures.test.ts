import assert from 'node:assert/strict';
import protobuf from 'protobufjs';
import type { Signal } from '../../../contract/batch.ts';
import { reflection } from '../reflection.ts';
import { REQUEST } from '../schema.ts';
import { decodeJson } from './decode.ts';
import { OtlpJsonError } from './error.ts';

const root = protobuf.Root.fromJSON(reflection());

/** What protobufjs reads from the encoding of a JSON request. */
export function read(signal: Signal, json: unknown) {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const type = root.lookupType(REQUEST[signal]);
  const message = type.decode(decodeJson(signal, Buffer.from(text)));
  return type.toObject(message, { longs: String, bytes: String });
}

export function readSpan(span: string): Record<string, unknown> {
  const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`;
  return read('traces', json)['resourceSpans'][0].scopeSpans[0].spans[0];
}

/** The value of the only attribute of the only span. */
export function readValue(value: string): unknown {
  const span = readSpan(`{"attributes":[{"key":"k","value":${value}}]}`);
  return (span['attributes'] as { value: unknown }[])[0]?.value;
}

export function refuses(json: string, message: RegExp, signal: Signal = 'traces'): void {
  assert.throws(
    () => decodeJson(signal, Buffer.from(json)),
    (error) => error instanceof OtlpJsonError && message.test(error.message),
    `${json} is refused with ${message}`,
  );
}

export function refusesSpan(span: string, message: RegExp): void {
  refuses(`{"resourceSpans":[{"scopeSpans":[{"spans":[{},${span}]}]}]}`, message);
}
