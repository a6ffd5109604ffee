/**
 * Requests whose items are numbered, so that the sink can tell what is missing and what came twice.
 *
 * The 16 bytes of every trace id are: 4 bytes mark, 4 bytes send time in units of 10 µs (modulo
 * 2^32), 8 bytes sequence number. A request is encoded once; numbering it again overwrites those
 * bytes in place.
 */
import protobuf from 'protobufjs';
import type { Signal } from '../../src/contract/batch.ts';
import { type MessageName, REQUEST, SCHEMA } from '../../src/formats/otlp/schema.ts';

export const MARK = 0x6d726163;
const RESOURCES = 5;
const SEVERITIES = ['INFO', 'WARN', 'ERROR', 'DEBUG'];

/** What a request is made of. */
export interface Shape {
  readonly signal: Extract<Signal, 'traces' | 'logs'>;
  /** Spans or log records per request. */
  readonly items: number;
  /** About how many bytes an item takes. */
  readonly itemBytes: number;
  /** Trace ids that look random, for samplers; their items are not numbered then. */
  readonly scattered?: boolean;
}

/** An encoded request whose items can be numbered again and again. */
export class Payload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly items: number;
  readonly #view: DataView;
  readonly #offsets: readonly number[];
  readonly #scattered: boolean;

  constructor(bytes: Uint8Array<ArrayBuffer>, { items, scattered = false }: Shape) {
    this.bytes = bytes;
    this.items = items;
    this.#scattered = scattered;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offsets = markOffsets(this.#view);
    if (this.#offsets.length !== items) throw new Error('bug: a mark for every item expected');
  }

  /** Numbers the items from `first` on and stamps them with the time of sending. */
  number(first: number, now: number): void {
    if (this.#scattered) return this.#scatter(first);
    const stamp = stampOf(now);
    let sequence = first;
    for (const offset of this.#offsets) {
      this.#view.setUint32(offset + 4, stamp);
      this.#view.setUint32(offset + 8, Math.floor(sequence / 2 ** 32));
      this.#view.setUint32(offset + 12, sequence % 2 ** 32);
      sequence += 1;
    }
  }

  #scatter(first: number): void {
    let sequence = first;
    for (const offset of this.#offsets) {
      const mixed = Math.imul(sequence ^ (sequence >>> 15), 0x2c1b3c6d);
      this.#view.setUint32(offset + 8, Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 0);
      this.#view.setUint32(offset + 12, Math.imul(mixed ^ (mixed >>> 13), 0x9e3779b1) >>> 0);
      sequence += 1;
    }
  }
}

/** Milliseconds since the epoch as the 32-bit stamp of an item. */
function stampOf(nowMs: number): number {
  return Math.floor(nowMs * 100) % 2 ** 32;
}

/** Milliseconds between a stamp and now. */
export function ageMs(stamp: number, nowMs: number): number {
  return ((stampOf(nowMs) - stamp + 2 ** 32) % 2 ** 32) / 100;
}

/** Encoding takes a hundred times as long as copying, and every connection wants its own. */
const encodedShapes = new Map<string, Uint8Array>();

/** A request of the given shape in bytes of its own. */
export function payloadOf(shape: Shape): Payload {
  const key = JSON.stringify(shape);
  let encoded = encodedShapes.get(key);
  if (encoded === undefined) {
    const type = protobuf.Root.fromJSON(describeSchema()).lookupType(REQUEST[shape.signal]);
    const request = shape.signal === 'traces' ? traceRequest(shape) : logRequest(shape);
    encoded = type.encode(type.fromObject(request)).finish();
    encodedShapes.set(key, encoded);
  }
  return new Payload(new Uint8Array(encoded), shape);
}

function traceRequest(shape: Shape): object {
  const filler = 'x'.repeat(Math.max(0, Math.round(shape.itemBytes - 400)));
  return {
    resource_spans: groups(shape.items).map((count, resource) => ({
      resource: { attributes: resourceAttributes(resource) },
      scope_spans: [
        {
          scope: { name: 'io.opentelemetry.http', version: '1.2.3' },
          spans: Array.from({ length: count }, (_, index) => ({
            trace_id: numberedId(),
            span_id: Buffer.from('0102030405060708', 'hex'),
            parent_span_id: Buffer.from('1112131415161718', 'hex'),
            name: `GET /api/v1/items/${index % 17}`,
            kind: 2,
            start_time_unix_nano: '1763700000123456789',
            end_time_unix_nano: '1763700000987654321',
            flags: 257,
            attributes: itemAttributes(index, filler),
            status: { code: index % 50 === 0 ? 2 : 1 },
          })),
        },
      ],
    })),
  };
}

function logRequest(shape: Shape): object {
  const filler = 'order placed by customer; '.repeat(
    Math.max(1, Math.round((shape.itemBytes - 160) / 26)),
  );
  return {
    resource_logs: groups(shape.items).map((count, resource) => ({
      resource: { attributes: resourceAttributes(resource) },
      scope_logs: [
        {
          scope: { name: 'io.opentelemetry.logback' },
          log_records: Array.from({ length: count }, (_, index) => ({
            time_unix_nano: '1763700000123456789',
            observed_time_unix_nano: '1763700000223456789',
            severity_number: 9,
            severity_text: SEVERITIES[index % 4],
            body: { string_value: `${filler}${index}` },
            attributes: [
              text('logger.name', 'com.example.shop.OrderService'),
              text('thread.name', `worker-${index % 16}`),
              number('order.id', 100_000 + index),
            ],
            trace_id: numberedId(),
            span_id: Buffer.from('0102030405060708', 'hex'),
          })),
        },
      ],
    })),
  };
}

function itemAttributes(index: number, filler: string): object[] {
  const attributes = [
    text('http.request.method', 'GET'),
    text('url.path', `/api/v1/items/${index}`),
    number('http.response.status_code', index % 50 === 0 ? 500 : 200),
    text('server.address', 'shop.example.com'),
    number('server.port', 8443),
    text('user_agent.original', 'curl/8.5.0'),
    text('network.protocol.version', '1.1'),
    number('thread.id', index % 64),
    text('enduser.id', `user-${index % 1000}`),
    { key: 'cache.hit', value: { bool_value: index % 3 === 0 } },
  ];
  return filler === '' ? attributes : [...attributes, text('db.query.text', filler)];
}

function resourceAttributes(resource: number): object[] {
  return [
    text('service.name', `checkout-${resource}`),
    text('service.namespace', 'shop'),
    text('service.instance.id', `instance-${resource}`),
    text('host.name', `node-${resource}.example.com`),
    text('k8s.pod.name', `checkout-${resource}-5d9c7`),
  ];
}

function groups(items: number): number[] {
  const resources = Math.min(RESOURCES, items);
  return Array.from({ length: resources }, (_, index) =>
    Math.floor((items + resources - 1 - index) / resources),
  );
}

function numberedId(): Buffer {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(MARK, 0);
  return id;
}

function text(key: string, value: string): object {
  return { key, value: { string_value: value } };
}

function number(key: string, value: number): object {
  return { key, value: { int_value: value } };
}

function markOffsets(view: DataView): number[] {
  const offsets: number[] = [];
  for (let offset = 0; offset + 16 <= view.byteLength; offset += 1) {
    if (view.getUint32(offset) === MARK && view.getUint32(offset + 8) === 0) offsets.push(offset);
  }
  return offsets;
}

function describeSchema(): protobuf.INamespace {
  const nested: Record<string, protobuf.IType> = {};
  for (const name of Object.keys(SCHEMA) as MessageName[]) {
    const fields: Record<string, protobuf.IField> = {};
    for (const field of SCHEMA[name]) {
      const type = field.type === 'enum' ? 'int32' : field.type;
      fields[field.name] = {
        id: field.number,
        type,
        ...(field.repeated === true ? { rule: 'repeated' } : {}),
      };
    }
    nested[name] = { fields };
  }
  return { nested };
}
