/**
 * Remote-write 1.0 requests as a Prometheus sends them again and again: the same series in the same
 * order, one sample each, time and value new. A share of them may be churn: series that
 * nobody has seen before, told apart by the last digits of their pod.
 */
import { Writer } from '../../src/wire/writer.ts';

/** What a request is made of. */
export interface SeriesShape {
  readonly signal: 'series';
  /** Series per request, of one sample each. */
  readonly items: number;
  /** Part of the series that are new in every request; 0 when absent. */
  readonly churn?: number;
}

const METRICS = [
  'http_server_request_duration_seconds_bucket',
  'http_server_request_duration_seconds_count',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'go_goroutines',
  'container_network_receive_bytes_total',
  'orders_placed_total',
  'queue_messages_waiting',
];
const PATHS = ['/api/v1/orders', '/api/v1/items', '/cart', '/checkout', '/healthz'];
const STATUSES = ['200', '201', '404', '429', '503'];
const SERIES_PER_POD = METRICS.length * PATHS.length;
const DIGITS = 10;
const NINE = 0x39;

/** A request whose samples, and whose new series, can be numbered again and again. */
export class SeriesPayload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly items: number;
  readonly #view: DataView;
  readonly #samples: readonly number[];
  readonly #churning: readonly number[];
  /** Two loads, one after the other, have no new series in common. */
  #turn: number;

  /** `sender` tells the series of one client from those of another; `turn` numbers the new ones. */
  constructor(
    { items, churn = 0 }: SeriesShape,
    sender: number,
    turn = Math.floor(Math.random() * 1e9),
  ) {
    this.#turn = turn;
    const writer = new Writer(items * 320);
    const churning: number[] = [];
    for (let index = 0; index < items; index++) {
      writer.open(1);
      const isNew = Math.floor((index + 1) * churn) > Math.floor(index * churn);
      writeLabels(writer, index, `${sender}`);
      // message Sample { double value = 1; int64 timestamp = 2; }
      writer.open(2).fixed64(1, VALUE_MARK).uint(2, Date.now()).close();
      writer.close();
      if (isNew) churning.push(index);
    }
    this.bytes = writer.finish();
    this.items = items;
    this.#view = new DataView(this.bytes.buffer);
    this.#samples = placesOf(this.bytes, SAMPLE_MARK);
    const pods = placesOf(this.bytes, POD_MARK);
    this.#churning = churning.map((index) => pods[index]! + POD_MARK.length);
    if (this.#samples.length !== items || pods.length !== items)
      throw new Error('bug: a mark for every series expected');
  }

  /** Gives every sample a time and a value, and the new series names that were never there. */
  number(first: number, now: number): void {
    const view = this.#view;
    let value = first;
    for (const at of this.#samples) {
      // Bits that do not repeat, as the lower ones of rates and sums.
      view.setFloat64(at + 1, Math.sqrt(++value), true);
      let rest = now;
      for (let byte = at + 10; byte < at + 16; byte++) {
        view.setUint8(byte, (rest % 128) + (byte < at + 15 ? 128 : 0));
        rest = Math.floor(rest / 128);
      }
    }
    if (this.#churning.length > 0) this.#rename();
  }

  #rename(): void {
    this.#turn++;
    for (const at of this.#churning) {
      let rest = this.#turn;
      for (let digit = at + DIGITS - 1; digit >= at; digit--) {
        this.#view.setUint8(digit, NINE - (rest % 10));
        rest = Math.floor(rest / 10);
      }
    }
  }
}

// message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; }
// message Label { string name = 1; string value = 2; }
function writeLabels(writer: Writer, index: number, sender: string): void {
  const pod = Math.floor(index / SERIES_PER_POD);
  const kind = index % SERIES_PER_POD;
  const metric = METRICS[Math.floor(kind / PATHS.length)]!;
  const service = ['checkout', 'cart', 'payment', 'frontend', 'shipping'][pod % 5]!;
  const labels = [
    ['__name__', metric],
    ['cluster', `eu-west-1-production-${sender}`],
    ['container', service],
    ['endpoint', 'http-metrics'],
    ['instance', `10.42.${pod}.17:9${sender.padStart(3, '0')}`],
    ['job', `shop/${service}`],
    ['namespace', 'shop'],
    ['path', PATHS[kind % PATHS.length]!],
    ['pod', `${POD}${'0'.repeat(DIGITS)}-${service}-${pod}-5d9c7b`],
    ['status', STATUSES[(index * 7) % 5]!],
  ] as const;
  for (const [name, value] of labels) writer.open(1).string(1, name).string(2, value).close();
}

const POD = 'pod-';
const POD_MARK = Buffer.from(POD);
const VALUE_MARK = 0x7261_6300_6d72_6163n;
const SAMPLE_MARK = Buffer.concat([Buffer.from([0x09]), bytesOf(VALUE_MARK)]);

function bytesOf(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** Where a mark stands in bytes that begin their buffer. */
export function placesOf(bytes: Uint8Array<ArrayBuffer>, mark: Buffer): number[] {
  const places: number[] = [];
  const text = Buffer.from(bytes.buffer, 0, bytes.length);
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length))
    places.push(at);
  return places;
}
