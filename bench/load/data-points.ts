/** OTLP metrics as an SDK sends them again and again: the same data points with new times and values. */
import { Writer } from '../../src/wire/writer.ts';
import { placesOf } from './series.ts';

/** What a request is made of: sums of five services, each of ten attributes or so. */
export interface PointsShape {
  readonly signal: 'metrics';
  /** Data points per request. */
  readonly items: number;
}

const SERVICES = ['checkout', 'cart', 'payment', 'frontend', 'shipping'];
const POINTS_PER_METRIC = 50;
const PATHS = ['/api/v1/orders', '/api/v1/items', '/cart', '/checkout', '/healthz'];
const TIME_MARK = 0x7469_6d65_6d72_6163n;
const VALUE_MARK = 0x7261_6300_6d72_6163n;
const NANOS = 1_000_000n;

/** A request whose data points can be numbered again and again. */
export class PointsPayload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly items: number;
  readonly #view: DataView;
  readonly #times: readonly number[];
  readonly #values: readonly number[];

  /** `sender` tells the resources of one client from those of another. */
  constructor({ items }: PointsShape, sender: number) {
    const writer = new Writer(items * 320);
    const perService = Math.ceil(items / SERVICES.length);
    for (const [index, service] of SERVICES.entries()) {
      const first = index * perService;
      writeResource(writer, `${service}-${sender}`, [first, Math.min(items, first + perService)]);
    }
    this.bytes = writer.finish();
    this.items = items;
    this.#view = new DataView(this.bytes.buffer);
    this.#times = placesOf(this.bytes, fixed(TIME_MARK));
    this.#values = placesOf(this.bytes, fixed(VALUE_MARK));
    if (this.#times.length !== items || this.#values.length !== items)
      throw new Error('bug: a mark for every data point expected');
  }

  /** Gives every data point a time and a value. */
  number(first: number, now: number): void {
    const time = BigInt(now) * NANOS;
    let value = first;
    for (const at of this.#times) this.#view.setBigUint64(at, time, true);
    for (const at of this.#values) this.#view.setFloat64(at, Math.sqrt(++value), true);
  }
}

// message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
// message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; }
function writeResource(
  writer: Writer,
  service: string,
  [first, last]: readonly [number, number],
): void {
  writer.open(1).open(1);
  writeAttribute(writer, 1, 'service.name', service);
  writeAttribute(writer, 1, 'service.namespace', 'shop');
  writeAttribute(writer, 1, 'service.instance.id', `${service}-5d9c7b-x2v9k`);
  writer.close().open(2).open(1).string(1, 'io.opentelemetry.http').close();
  for (let from = first; from < last; from += POINTS_PER_METRIC) {
    writeSum(writer, from, Math.min(last, from + POINTS_PER_METRIC));
  }
  writer.close().close();
}

// message Metric { string name = 1; string unit = 3; Sum sum = 7; }
// message Sum { repeated NumberDataPoint data_points = 1; temporality = 2; bool is_monotonic = 3; }
function writeSum(writer: Writer, first: number, last: number): void {
  writer
    .open(2)
    .string(1, `http.server.requests.kind${first % 7}`)
    .string(3, '{request}')
    .open(7);
  for (let index = first; index < last; index++) {
    writer.open(1).fixed64(2, 1_760_000_000_000_000_000n).fixed64(3, TIME_MARK);
    writer.fixed64(4, VALUE_MARK);
    writeAttribute(writer, 7, 'http.request.method', index % 2 === 0 ? 'GET' : 'POST');
    writeAttribute(writer, 7, 'http.route', PATHS[index % PATHS.length]!);
    writeAttribute(writer, 7, 'http.response.status_code', String(200 + (index % 5)));
    writeAttribute(writer, 7, 'server.address', 'shop.example.com');
    writeAttribute(writer, 7, 'network.protocol.version', '1.1');
    writeAttribute(writer, 7, 'point', String(index));
    writer.close();
  }
  writer.uint(2, 2).uint(3, 1).close().close();
}

function writeAttribute(writer: Writer, number: number, key: string, value: string): void {
  writer.open(number).string(1, key).open(2).string(1, value).close().close();
}

function fixed(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
