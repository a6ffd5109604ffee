import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlainScan } from '../../src/components/exporters/prometheus_remote_write/plain-scan.ts';
import type { Bytes } from '../../src/contract/batch.ts';
import { SeriesKernel, WINDOW_BYTES } from '../../src/formats/prometheus/kernel.ts';
import { SeriesPartition } from '../../src/formats/prometheus/partition.ts';
import { readWith } from '../../src/formats/prometheus/read/remote-write-1.ts';
import { createRewriter } from '../../src/formats/prometheus/relabel/kernel-rewriter.ts';
import { type Rewriter, SeriesRewriter } from '../../src/formats/prometheus/relabel/rewrite.ts';
import { createSkim } from '../../src/formats/prometheus/skim.ts';
import { Random } from './otlp-requests.ts';
import { encode1, generateSeries, type Series } from './prometheus-requests.ts';
import { compile, rule } from './relabel-cases.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const NO_KERNEL = new URL('file:///nowhere/kernel.wasm');
const CACHE_BYTES = 1 << 20;

/** Whatever it comes to: a result, or what was thrown. */
function outcomeOf<T>(work: () => T): unknown {
  try {
    return work();
  } catch (error) {
    assert(error instanceof Error);
    return { name: error.name, message: error.message };
  }
}

/** Series as a Prometheus sends them: a few names, values that repeat or come once, one sample. */
function plainSeries(random: Random, count: number): Series[] {
  const jobs = ['api', 'web', 'db', 'ünicode', 'a-longer-name-of-a-job-than-sixteen-bytes'];
  return Array.from({ length: count }, (_, index) => {
    const names = ['a', 'app', 'job', 'k8s_app', 'x_a', 'instance'].filter(
      () => random.next(5) > 0,
    );
    const labels = names.map((name) => ({
      name,
      value: name === 'instance' ? `10.0.0.${random.next(30)}` : random.pick(jobs),
    }));
    const metric = { name: '__name__', value: `metric_${random.next(4)}` };
    const sample = { value: String(index), timestamp: String(1_700_000_000_000 + index) };
    return {
      labels: [metric, ...labels.toSorted((a, b) => (a.name < b.name ? -1 : 1))],
      samples: random.next(50) === 0 ? [sample, sample] : [sample],
      histograms: [],
      exemplars: [],
    };
  });
}

/** Bytes cut short or with some of them changed, as nobody means them. */
function damaged(bytes: Bytes, random: Random): Bytes {
  const copy = new Uint8Array(bytes.subarray(0, bytes.length - random.next(bytes.length)));
  for (let each = random.next(4); each > 0 && copy.length > 0; each--)
    copy[random.next(copy.length)] = random.next(256);
  return copy;
}

describe('the kernel of series', () => {
  it('runs on this machine', () => {
    assert.notEqual(SeriesKernel.create(), undefined);
    assert.equal(SeriesKernel.create(NO_KERNEL), undefined);
  });

  const skim = createSkim();
  const none = createSkim(NO_KERNEL);

  it('reads requests to what they are read to without it, damaged ones too', () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, isPlain) => {
        const random = new Random(seed);
        const series = isPlain ? plainSeries(random, 20) : generateSeries(seed, false);
        const request = encode1(series, []);
        for (const bytes of [request, damaged(request, random), damaged(request, random)]) {
          const expected = outcomeOf(() => readWith(bytes, none));
          assert.deepEqual(
            outcomeOf(() => readWith(bytes, skim)),
            expected,
          );
        }
      }),
      { numRuns: 600 },
    );
  });

  it('reads every prefix of a request to what it is read to without it', () => {
    const request = encode1(plainSeries(new Random(7), 12), []);
    for (let length = 0; length <= request.length; length++) {
      const bytes = request.slice(0, length);
      const expected = outcomeOf(() => readWith(bytes, none));
      assert.deepEqual(
        outcomeOf(() => readWith(bytes, skim)),
        expected,
      );
    }
  });

  it('knows requests of 1.0 as they are known without it', () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, isPlain) => {
        const random = new Random(seed);
        const series = isPlain ? plainSeries(random, 20) : generateSeries(seed, true);
        const { bytes: chunk } = readWith(encode1(series, []), none);
        if (chunk === undefined) return;
        const answers = [skim, none].map((each) => {
          const scan = new PlainScan(each);
          const isAnswer = scan.isPlain(chunk);
          return isAnswer ? [scan.samples, scan.exemplars] : isAnswer;
        });
        assert.deepEqual(answers[0], answers[1]);
      }),
      { numRuns: 300 },
    );
  });

  it('sees series that its window cuts, and those that are larger than the window', () => {
    const random = new Random(3);
    const small = plainSeries(random, 3000);
    const [first] = plainSeries(random, 1);
    const label = { name: 'zone', value: 'z'.repeat(WINDOW_BYTES + 1000) };
    const large = { ...first!, labels: [...first!.labels, label] };
    const request = encode1([...small, large, ...small], []);
    assert(request.length > 3 * WINDOW_BYTES);
    assert.deepEqual(readWith(request, skim), readWith(request, none));
    const rules = compile([dropJob]);
    const [kernel, plain] = rewriters(rules);
    for (let round = 0; round < 2; round++)
      assert.deepEqual(kernel.rewrite(request), plain.rewrite(request));
  });

  it('divides series as they are divided without it', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const series = plainSeries(new Random(seed), 40);
        const partition = new SeriesPartition(5, (hash) => (hash >>> 0) % 4);
        const [known, looked] = [[], METADATA].map((metadata) => {
          const request = encode1(series, metadata);
          // Metadata is nothing that the kernel knows; it goes to a place of its own.
          return partition.divide(request, 4).slice(0, 4);
        });
        assert.deepEqual(known, looked);
      }),
      { numRuns: 200 },
    );
  });

  it('relabels series as they are relabelled without it, known or not', () => {
    const ruleSets = fc.array(rule, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(seeds, ruleSets, (seed, rules) => {
        const [kernel, plain] = rewriters(compile(rules));
        const random = new Random(seed);
        for (let request = 0; request < 4; request++) {
          const series = request === 3 ? generateSeries(seed, true) : plainSeries(random, 30);
          const { bytes: chunk } = readWith(encode1(series, []), none);
          if (chunk === undefined) continue;
          for (let round = 0; round < 2; round++)
            assert.deepEqual(kernel.rewrite(chunk), plain.rewrite(chunk));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('stays within its bytes, whatever goes through it, and is right all the same', () => {
    const maxBytes = 40_000;
    const rules = compile([dropJob]);
    const [kernel, plain] = rewriters(rules, maxBytes);
    const random = new Random(11);
    const always = plainSeries(random, 20);
    for (let request = 0; request < 300; request++) {
      const once = plainSeries(random, 10).map(({ labels, ...rest }) => ({
        ...rest,
        labels: labels.concat({ name: 'pod', value: `${request}-${random.next(1e6)}` }),
      }));
      const sorted = once.map(({ labels, ...rest }) => ({
        ...rest,
        labels: labels.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      }));
      const chunk = encode1([...always, ...sorted], []);
      assert.deepEqual(kernel.rewrite(chunk), plain.rewrite(chunk));
      assert(kernel.bytes <= maxBytes, `${kernel.bytes} bytes`);
    }
    const { hits, evictions } = kernel.lookups;
    assert(evictions > 1000, 'label sets that came once are gone');
    assert(hits > 300 * 15, 'label sets that come always stay');
  });

  it('evicts label sets without a stall, a hundred thousand of them', () => {
    const maxBytes = 4 << 20;
    const kernel = createRewriter(compile([dropJob]), maxBytes);
    const chunk = encode1(plainSeries(new Random(5), 1000).map(withNumber), []);
    const places = placesOf(chunk, NUMBER);
    assert.equal(places.length, 1000);
    let longestMs = 0;
    for (let request = 0; request < 100; request++) {
      for (const at of places) chunk.set(Buffer.from(String(1e9 + request * 1000 + at)), at);
      const started = cpuMs();
      kernel.rewrite(chunk);
      longestMs = Math.max(longestMs, cpuMs() - started);
      assert(kernel.bytes <= maxBytes, `${kernel.bytes} bytes`);
    }
    assert(kernel.lookups.evictions > 50_000);
    assert(longestMs < 50, `a request of 1000 label sets that are new took ${longestMs} ms`);
  });
});

const METADATA = [{ type: 1, metric_family_name: 'up', help: 'h', unit: 'u' }];
const NUMBER = '0123456789';

/** With a label of ten digits that can be overwritten. */
function withNumber(series: Series): Series {
  return { ...series, labels: series.labels.concat({ name: 'zone', value: NUMBER }) };
}

/** Of this thread: on a busy machine the clock tells how long others had it. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function placesOf(bytes: Bytes, text: string): number[] {
  const places: number[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = buffer.indexOf(text); at >= 0; at = buffer.indexOf(text, at + 1)) places.push(at);
  return places;
}

const dropJob = {
  source_labels: [],
  separator: ';',
  modulus: 0,
  regex: 'job',
  target_label: '',
  replacement: '$1',
  action: 'labeldrop',
} as const;

/** With and without the kernel; the latter pays for the rules with every label set. */
function rewriters(
  rules: ReturnType<typeof compile>,
  maxBytes = CACHE_BYTES,
): [kernel: Rewriter, plain: Rewriter] {
  return [createRewriter(rules, maxBytes), new SeriesRewriter(rules, CACHE_BYTES, false)];
}
