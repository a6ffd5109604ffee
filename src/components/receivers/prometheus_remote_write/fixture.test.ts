import protobuf from 'protobufjs';
import type { Batch, Signal } from '../../../contract/batch.ts';
import type {
  HeaderLookup,
  Intake,
  Permit,
  RawRequest,
  Reply,
} from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { reflection } from '../../../formats/prometheus/reflection.ts';
import { snappyBlock } from '../../../net/codec/snappy-compress.ts';
import { RemoteWriteReceiver } from './receiver.ts';
import { settings } from './settings.ts';

const root = protobuf.Root.fromJSON(reflection());
const REQUEST_1 = root.lookupType('Request');
const REQUEST_2 = root.lookupType('Request2');

/** A label as its name and its value. */
export type Label = readonly [name: string, value: string];

/** A series of either version; histograms and exemplars are as in the .proto. */
export interface Series {
  readonly labels: readonly Label[];
  readonly samples?: readonly object[];
  readonly histograms?: readonly object[];
  readonly exemplars?: readonly { labels: readonly Label[]; value: number; timestamp: number }[];
  readonly extra?: object;
}

export const UP: Series = {
  labels: [
    ['__name__', 'up'],
    ['job', 'test'],
  ],
  samples: [{ value: 1, timestamp: 1000 }],
};

/** A request of remote-write 1.0, not compressed. */
export function encode1(series: readonly Series[], more: object = {}): Buffer {
  const named = (labels: readonly Label[]) => labels.map(([name, value]) => ({ name, value }));
  const timeseries = series.map(({ labels, exemplars = [], extra, ...rest }) => ({
    ...rest,
    ...extra,
    labels: named(labels),
    exemplars: exemplars.map((exemplar) => ({ ...exemplar, labels: named(exemplar.labels) })),
  }));
  return Buffer.from(REQUEST_1.encode({ timeseries, ...more }).finish());
}

/** A request of remote-write 2.0, not compressed; `more` replaces what was made of the series. */
export function encode2(series: readonly Series[], more: object = {}): Buffer {
  const symbols = [''];
  const refOf = (text: string): number => {
    if (!symbols.includes(text)) symbols.push(text);
    return symbols.indexOf(text);
  };
  const refs = (labels: readonly Label[]) => labels.flatMap((label) => label.map(refOf));
  const timeseries = series.map(({ labels, exemplars = [], extra, ...rest }) => ({
    ...rest,
    labels_refs: refs(labels),
    exemplars: exemplars.map(({ labels: own, ...of }) => ({ ...of, labels_refs: refs(own) })),
    ...extra,
  }));
  return Buffer.from(REQUEST_2.encode({ symbols, timeseries, ...more }).finish());
}

/** A chunk of the form as plain objects. */
export function decodeForm(bytes: Uint8Array): { timeseries: DecodedSeries[]; metadata: object[] } {
  const message = REQUEST_1.decode(bytes);
  const options = { longs: String, arrays: true, objects: true } as const;
  return REQUEST_1.toObject(message, options) as ReturnType<typeof decodeForm>;
}

/** What the tests look at in a decoded series. */
export interface DecodedSeries {
  readonly labels: { readonly name: string; readonly value: string }[];
  readonly samples: object[];
  readonly exemplars: object[];
  readonly histograms: object[];
  readonly metadata?: object;
}

/** The far end of a receiver in tests: takes what is decoded, and refuses on demand. */
export class FakeIntake implements Intake {
  readonly batches: Batch[] = [];
  readonly requests: RawRequest[] = [];
  readonly refusals: Outcome[] = [];
  onAdmit: Outcome | undefined;
  onResize: ((bytes: number) => Outcome | undefined) | undefined;
  onConsume: () => Outcome = () => ACCEPTED;
  held = 0;
  receiver: RemoteWriteReceiver | undefined;

  admit(): Permit | Outcome {
    if (this.onAdmit !== undefined) return this.onAdmit;
    let released = false;
    this.held++;
    return {
      resize: (size) => this.onResize?.(size),
      release: () => {
        if (!released) this.held--;
        released = true;
      },
    };
  }

  async submit(request: RawRequest, permit: Permit): Promise<Reply> {
    this.requests.push(request);
    try {
      const decoded = await this.receiver?.decode(request, permit);
      if (decoded === undefined || 'kind' in decoded) return { outcome: decoded ?? ACCEPTED };
      const { batch, refused, counts = {} } = decoded;
      let outcome: Outcome = ACCEPTED;
      if (batch !== undefined) outcome = this.onConsume();
      if (batch !== undefined && outcome.kind === 'accepted') this.batches.push(batch);
      if (outcome.kind === 'accepted' && refused !== undefined && refused.items > 0) {
        const { items, reason, message } = refused;
        outcome = { kind: 'partial', rejected: items, reason, message };
      }
      return { outcome, counts };
    } finally {
      permit.release();
    }
  }

  refused(_signal: Signal | undefined, _tenant: string, outcome: Outcome): void {
    this.refusals.push(outcome);
  }

  tenantOf(headers: HeaderLookup): string | Outcome {
    return headers('x-scope-orgid')[0] ?? 'default';
  }
}

/** A context that counts by name. */
export function fakeContext(counted: Map<string, number>): Context {
  const log = () => {};
  const nothing = { add: () => {}, set: () => {}, record: () => {} };
  return {
    id: 'receivers/prometheus_remote_write/test',
    version: '0.0.0',
    log: { debug: log, info: log, warn: log, error: log },
    meter: {
      counter: (name, _help, labels = {}) => ({
        add: (amount) => {
          const key = [name, ...Object.values(labels)].join(' ');
          counted.set(key, (counted.get(key) ?? 0) + amount);
        },
      }),
      gauge: () => nothing,
      histogram: () => nothing,
    },
    clock: { now: () => Date.now(), after: () => () => {} },
    shard: { index: 0, count: 1 },
  };
}

/** A receiver that listens, its far end, and how to stop both. */
export interface Running extends AsyncDisposable {
  readonly intake: FakeIntake;
  readonly counted: Map<string, number>;
  readonly url: string;
}

/** Starts a receiver from a section as users write it; the port is chosen by the system. */
export async function startReceiver(section: Record<string, unknown> = {}): Promise<Running> {
  const intake = new FakeIntake();
  const counted = new Map<string, number>();
  const config = settings.parse({ endpoint: '127.0.0.1:0', ...section });
  const receiver = new RemoteWriteReceiver(config, intake, fakeContext(counted));
  intake.receiver = receiver;
  await receiver.start();
  return {
    intake,
    counted,
    url: `http://127.0.0.1:${receiver.port}/api/v1/write`,
    [Symbol.asyncDispose]: () => receiver.stop(AbortSignal.timeout(200)),
  };
}

/** An answer with the counts of its Written headers: samples, histograms, exemplars. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly written: readonly (number | undefined)[];
}

export const V1 = 'application/x-protobuf';
export const V2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';

/** Sends a body as it is. */
export async function post(
  { url }: Pick<Running, 'url'>,
  body: Buffer,
  headers: Record<string, string>,
): Promise<Answer> {
  const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  const written = ['samples', 'histograms', 'exemplars'].map((kind) => {
    const value = answer.headers.get(`x-prometheus-remote-write-${kind}-written`);
    return value === null ? undefined : Number(value);
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers, written };
}

/** Compresses and sends a request of remote-write 1.0. */
export function send1(running: Running, body: Buffer): Promise<Answer> {
  return post(running, Buffer.from(snappyBlock(body)), {
    'content-type': V1,
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': '0.1.0',
  });
}

/** Compresses and sends a request of remote-write 2.0. */
export function send2(running: Running, body: Buffer): Promise<Answer> {
  return post(running, Buffer.from(snappyBlock(body)), {
    'content-type': V2,
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': '2.0.0',
  });
}
