import protobuf from 'protobufjs';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { Random } from './otlp-requests.ts';

/** The schema with doubles as the 64 bits they are, so that every NaN can be told apart. */
function bits(): protobuf.INamespace {
  const text = JSON.stringify(reflection()).replaceAll('"double"', '"fixed64"');
  return JSON.parse(text) as protobuf.INamespace;
}

const root = protobuf.Root.fromJSON(bits());

/** Decodes without losing a bit: 64-bit numbers and doubles are decimal strings of their bits. */
export function decodeBits(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, arrays: true });
}

/** Encodes what `decodeBits` gives. */
function encodeBits(type: string, value: object): Uint8Array<ArrayBuffer> {
  const message = root.lookupType(type);
  return new Uint8Array(message.encode(message.fromObject(value)).finish());
}

export interface Label {
  readonly name: string;
  readonly value: string;
}

export interface Series {
  readonly labels: readonly Label[];
  readonly samples: readonly object[];
  readonly histograms: readonly object[];
  readonly exemplars: readonly { labels: readonly Label[]; value: string; timestamp: string }[];
  readonly metadata?: { type: number; help: string; unit: string };
}

const VALUES = [
  0x7ff0000000000002n,
  0x7ff8000000000001n,
  0xfff8dead0000beefn,
  0x8000000000000000n,
  0x0000000000000001n,
  0x7ff0000000000000n,
  0x3ff0000000000000n,
  0n,
].map(String);
const TIMES = ['0', '1700000000000', '9007199254740993', '-1', '-9223372036854775808'];
const NAMES = ['a', 'job', 'Upper', 'le', 'ünicode', '\u{10000}', '\u{ffff}', 'instance', 'zone'];

/** A label value: often one of a few, sometimes long. */
function text(random: Random): string {
  const length = random.next(20) === 0 ? random.next(20_000) : random.next(12);
  return 'v'.repeat(length) + String(random.next(5)) + (random.next(4) === 0 ? '😀\n' : '');
}

function labelsOf(random: Random): Label[] {
  const names = NAMES.filter(() => random.next(2) === 0).concat('__name__');
  const labels = names.map((name) => ({ name, value: text(random) }));
  return labels.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

function histogramOf(random: Random, starts: boolean): object {
  const deltas = Array.from({ length: random.next(6) }, () => random.next(1000));
  let running = 0;
  let count = 0;
  for (const delta of deltas) count += running += delta;
  const timed = {
    timestamp: random.pick(TIMES),
    ...(starts && { start_timestamp: random.pick(TIMES) }),
  };
  const spans = deltas.length === 0 ? [] : [{ offset: random.next(9) - 4, length: deltas.length }];
  return {
    count_int: count,
    sum: '4607182418800017408',
    positive_spans: spans,
    positive_deltas: deltas,
    ...timed,
  };
}

/** Valid series as plain objects; `starts` says whether times of start are among them. */
export function generateSeries(seed: number, starts: boolean): Series[] {
  const random = new Random(seed);
  return Array.from({ length: random.next(6) }, () => {
    const isHistogram = random.next(4) === 0;
    const some = <T>(most: number, make: () => T): T[] =>
      Array.from({ length: 1 + random.next(most) }, make);
    const sample = () => ({
      value: random.pick(VALUES),
      timestamp: random.pick(TIMES),
      ...(starts && random.next(2) === 0 && { start_timestamp: random.pick(TIMES) }),
    });
    const exemplar = () => ({
      labels: [{ name: 'trace_id', value: text(random) }],
      value: random.pick(VALUES),
      timestamp: random.pick(TIMES),
    });
    return {
      labels: labelsOf(random),
      samples: isHistogram ? [] : some(3, sample),
      histograms: isHistogram ? some(2, () => histogramOf(random, starts)) : [],
      exemplars: random.next(3) === 0 ? some(2, exemplar) : [],
      ...(starts &&
        random.next(2) === 0 && { metadata: { type: 2, help: text(random), unit: 's' } }),
    };
  });
}

/** A remote-write 1.0 request. */
export function encode1(timeseries: readonly Series[], metadata: object[] = []) {
  return encodeBits('Request', { timeseries, metadata });
}

/** A remote-write 2.0 request with each string once. */
export function encode2(series: readonly Series[]) {
  const symbols = new Map([['', 0]]);
  const refOf = (symbol: string): number => {
    const ref = symbols.get(symbol) ?? symbols.size;
    symbols.set(symbol, ref);
    return ref;
  };
  const refs = (labels: readonly Label[]) =>
    labels.flatMap(({ name, value }) => [refOf(name), refOf(value)]);
  const timeseries = series.map(({ labels, exemplars, metadata, ...rest }) => ({
    ...rest,
    labels_refs: refs(labels),
    exemplars: exemplars.map(({ labels: own, ...of }) => ({ ...of, labels_refs: refs(own) })),
    ...(metadata && {
      metadata: {
        type: metadata.type,
        help_ref: refOf(metadata.help),
        unit_ref: refOf(metadata.unit),
      },
    }),
  }));
  return encodeBits('Request2', { symbols: [...symbols.keys()], timeseries });
}

/** A remote-write 2.0 request with every reference replaced by its string. */
export function resolved(bytes: Uint8Array): unknown {
  const { symbols, timeseries } = decodeBits('Request2', bytes) as {
    symbols: string[];
    timeseries: Record<string, unknown>[];
  };
  const text = (refs: unknown) => (refs as number[]).map((ref) => symbols[ref]);
  return timeseries.map(({ labels_refs: refs, exemplars, metadata, ...rest }) => ({
    ...rest,
    labels: text(refs),
    exemplars: (exemplars as { labels_refs: number[] }[]).map(({ labels_refs: own, ...of }) => ({
      ...of,
      labels: text(own),
    })),
    metadata: metadata && metadataOf(metadata as Metadata2, symbols),
  }));
}

interface Metadata2 {
  type?: number;
  help_ref?: number;
  unit_ref?: number;
}

function metadataOf(
  { type, help_ref: help = 0, unit_ref: unit = 0 }: Metadata2,
  symbols: string[],
) {
  return { type, help: symbols[help], unit: symbols[unit] };
}
