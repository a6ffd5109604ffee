import type { TestContext } from 'node:test';
import protobuf from 'protobufjs';
import { exporterContext } from '../../../../test/ends/exporter.ts';
import { type Batch, batchOf, type Bytes } from '../../../contract/batch.ts';
import type { Context } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { reflection } from '../../../formats/prometheus/reflection.ts';
import { countChunk } from '../../../formats/prometheus/walk.ts';
import { ScrapedExporter } from './exporter.ts';
import definition from './index.ts';

const root = protobuf.Root.fromJSON(reflection());
const FORM = root.lookupType('Request');

export const TIME = 1_700_000_000_000;

/** A series; everything but labels is as in the .proto. */
export interface SeriesText {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples?: readonly object[];
  readonly histograms?: readonly object[];
  readonly exemplars?: readonly object[];
  readonly metadata?: { readonly type: number; readonly help?: string; readonly unit?: string };
}

/** `name` with labels and one value, as remote-write or a translation would bring it. */
export function series(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  value = 1,
  more: Partial<SeriesText> & { readonly timestamp?: number } = {},
): SeriesText {
  const { timestamp = TIME, ...rest } = more;
  return { labels: { ...labels, __name__: name }, samples: [{ value, timestamp }], ...rest };
}

/** Series of a type, as a translation brings them. */
export function typed(type: number, help = '', unit = ''): Pick<SeriesText, 'metadata'> {
  return { metadata: { type, help, unit } };
}

/** The same series when nobody says what they are. */
export function untyped(all: readonly SeriesText[]): readonly SeriesText[] {
  return all.map(({ labels, samples = [] }) => ({ labels, samples }));
}

/** The series of a classic histogram, one after the other. */
export function histogram(
  name: string,
  labels: Readonly<Record<string, string>>,
  buckets: Readonly<Record<string, number>>,
): readonly SeriesText[] {
  const of = typed(3, 'how long');
  const count = Object.values(buckets).at(-1) ?? 0;
  return [
    ...Object.entries(buckets).map(([le, value]) =>
      series(`${name}_bucket`, { ...labels, le }, value, of),
    ),
    series(`${name}_sum`, labels, count / 2, of),
    series(`${name}_count`, labels, count, of),
  ];
}

/** A chunk of the form. */
export function chunkOf(all: readonly SeriesText[], metadata: readonly object[] = []): Bytes {
  const timeseries = all.map(({ labels, ...rest }) => ({
    ...rest,
    labels: Object.entries(labels)
      .map(([name, value]) => ({ name, value }))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))),
  }));
  return new Uint8Array(FORM.encode({ timeseries, metadata }).finish());
}

/** A chunk as a batch of a tenant. */
export function batchOfChunk(chunk: Bytes, tenant = 'default'): Batch {
  const { samples, histograms } = countChunk(chunk);
  const origin = { receiver: 'test', tenant, receivedAt: 0, metadata: {} };
  return batchOf(chunk, samples + histograms, { signal: 'metrics', form: 'prometheus', origin });
}

/** A clock that is moved by hand. */
export class HandClock {
  time = TIME;
  readonly #alarms = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    const alarm = { at: this.time + ms, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  move(ms: number): void {
    this.time += ms;
    for (const alarm of [...this.#alarms].filter(({ at }) => at <= this.time)) {
      this.#alarms.delete(alarm);
      alarm.callback();
    }
  }
}

/** An exporter that serves, and what it counts. */
export interface Serving {
  readonly url: string;
  readonly clock: HandClock;
  /** By name and label values. */
  readonly counts: Map<string, number>;
  readonly take: (all: readonly SeriesText[], tenant?: string) => Promise<Outcome>;
  readonly takeChunk: (chunk: Bytes, tenant?: string) => Promise<Outcome>;
  /** The answer to a scrape. */
  readonly ask: (accept?: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  /** The lines of a page; without its comments, unless told. */
  readonly lines: (accept?: string, comments?: 'comments') => Promise<readonly string[]>;
}

export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; escaping=allow-utf-8';

/** Starts an exporter from a section as users write it. */
export async function serving(
  t: TestContext,
  section: object = {},
  more: Partial<Context> = {},
): Promise<Serving> {
  const clock = new HandClock();
  const counts = new Map<string, number>();
  const exporter = new ScrapedExporter(
    definition.schema.parse({ endpoint: '127.0.0.1:0', ...section }),
    { ...exporterContext(), meter: meterInto(counts), clock, ...more },
  );
  await exporter.start();
  t.after(() => exporter.stop());
  const url = `http://127.0.0.1:${exporter.port}/metrics`;
  const ask = (accept = '', headers = {}) => fetch(url, { headers: { accept, ...headers } });
  const takeChunk = (chunk: Bytes, tenant?: string) => exporter.send(batchOfChunk(chunk, tenant));
  return {
    url,
    clock,
    counts,
    takeChunk,
    take: (all, tenant) => takeChunk(chunkOf(all), tenant),
    ask,
    lines: async (accept, comments) => {
      const page = await (await ask(accept)).text();
      const lines = page.split('\n').slice(0, -1);
      return comments === undefined ? lines.filter((line) => !line.startsWith('#')) : lines;
    },
  };
}

function meterInto(counts: Map<string, number>): Context['meter'] {
  const instrument = (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const key = [name, ...Object.values(labels)].join(' ');
    const add = (amount: number) => void counts.set(key, (counts.get(key) ?? 0) + amount);
    return { add, set: (value: number) => void counts.set(key, value), record: () => add(1) };
  };
  return {
    counter: (name, _help, labels) => instrument(name, labels),
    gauge: (name, _help, labels) => instrument(name, labels),
    histogram: (name) => instrument(name),
  };
}
