/**
 * Many active series through one label cache: what it holds, what it lets go, and how long it ever
 * keeps its thread.
 */
import { createRewriter } from '../src/formats/prometheus/relabel/kernel-rewriter.ts';
import { RelabelRules } from '../src/formats/prometheus/relabel/rules.ts';
import { rulesSettings } from '../src/formats/prometheus/relabel/settings.ts';
import { releaseBytes } from '../src/wire/memory.ts';
import { SeriesPayload } from './load/series.ts';

/** What `npm run bench -- label-cache` was told. */
export interface LabelCacheOptions {
  /** Active series; each comes twice. */
  readonly series: number;
  readonly maxBytes: number;
}

/** Of this thread: on a busy machine the clock tells how long others had it. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const PER_REQUEST = 2000;
const RULES = [
  { source_labels: ['namespace', 'job'], separator: '/', target_label: 'service' },
  { action: 'labeldrop', regex: 'endpoint' },
];

export function labelCache({ series, maxBytes }: LabelCacheOptions): void {
  const rules = new RelabelRules(rulesSettings().parse(RULES), 'utf8');
  const rewriter = createRewriter(rules, maxBytes);
  const requests = Math.ceil(series / PER_REQUEST);
  console.log(
    `${(requests * PER_REQUEST) / 1e6} M series, bound ${(maxBytes / 2 ** 20).toFixed(0)} MiB`,
  );
  for (const pass of ['first', 'second']) {
    const payload = new SeriesPayload({ signal: 'series', items: PER_REQUEST, churn: 1 }, 1, 0);
    const times = new Float64Array(requests);
    let mostBytes = 0;
    const { hits, misses } = rewriter.lookups;
    for (let request = 0; request < requests; request++) {
      payload.number(request, 1_760_000_000_000);
      const started = cpuMs();
      releaseBytes(rewriter.rewrite(payload.bytes).bytes);
      times[request] = cpuMs() - started;
      mostBytes = Math.max(mostBytes, rewriter.bytes);
    }
    const found = rewriter.lookups.hits - hits;
    const all = found + rewriter.lookups.misses - misses;
    const total = times.reduce((sum, each) => sum + each, 0);
    times.sort();
    console.log(
      `${pass.padEnd(6)}  hits ${((100 * found) / all).toFixed(1)} %  held ${(rewriter.size / 1e6).toFixed(2)} M series in at most ` +
        `${(mostBytes / 2 ** 20).toFixed(1)} MiB  evicted ${(rewriter.lookups.evictions / 1e6).toFixed(2)} M  ` +
        `${((total * 1e3) / all).toFixed(2)} us a series  requests of ${PER_REQUEST}: ` +
        `median ${times[requests >> 1]!.toFixed(1)} ms, longest ${times[requests - 1]!.toFixed(1)} ms`,
    );
  }
}
