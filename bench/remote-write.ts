/**
 * Remote-write in, two relabelling rules, remote-write out, and OTLP in, remote-write out: Millrace and
 * vmagent in turns, on one machine. A vmagent that is missing is reported as not measured.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadShape, type Measurement, measure, median } from './measure.ts';
import { Sink } from './systems/processes.ts';
import {
  type RemoteWriteOptions,
  startMillrace,
  startVmagent,
  VMAGENT_OTLP,
} from './systems/remote-write.ts';
import type { System } from './systems/system.ts';

/** What `npm run bench -- remote-write` was told. */
export interface RemoteWriteBenchOptions {
  /** Path of the program. */
  readonly vmagent: string | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly shards: number;
  readonly cases: readonly string[];
  readonly only: readonly string[];
}

interface Case {
  readonly name: string;
  readonly load: LoadShape;
  /** Wanted of the samples per CPU second, as a multiple of vmagent's; absent: nothing is. */
  readonly target?: number;
}

const SERIES = { signal: 'series', items: 2000 } as const;
const LOAD = { protocol: 'http', encoding: 'snappy', connections: 8 } as const;
const CASES: readonly Case[] = [
  { name: 'repeated', load: { ...LOAD, shape: SERIES }, target: 1.5 },
  { name: 'churn-10', load: { ...LOAD, shape: { ...SERIES, churn: 0.1 } }, target: 1 },
  {
    name: 'otlp',
    load: {
      protocol: 'http',
      encoding: 'identity',
      connections: 8,
      shape: { signal: 'metrics', items: 1000 },
    },
  },
];

export async function remoteWrite(options: RemoteWriteBenchOptions): Promise<void> {
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  if (options.vmagent === undefined) console.log('vmagent: not measured (give --vmagent PATH)');
  for (const item of CASES) {
    if (options.cases.length > 0 && !options.cases.includes(item.name)) continue;
    const starters = startersOf(options, {
      folder,
      sinkHttp: sink.ports.http,
      shards: options.shards,
      from: item.load.shape.signal === 'metrics' ? 'otlp' : 'remote-write',
    });
    const runs: Measurement[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const start of starters) {
        const system = await start();
        try {
          const isOther = system.name === 'vmagent' && item.name === 'otlp';
          const load = isOther ? { ...item.load, path: VMAGENT_OTLP } : item.load;
          runs.push(await measure(system, sink, load, { seconds: options.seconds }));
        } finally {
          await system.stop();
        }
      }
    }
    print(item, runs);
  }
  sink.stop();
}

function startersOf(
  { vmagent, only }: RemoteWriteBenchOptions,
  gateway: RemoteWriteOptions,
): (() => Promise<System>)[] {
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const starters: (() => Promise<System>)[] = [];
  if (wanted('millrace')) starters.push(() => startMillrace(gateway));
  if (wanted('one-lane')) starters.push(() => startMillrace({ ...gateway, consumers: 1 }));
  if (wanted('vmagent') && vmagent !== undefined)
    starters.push(() => startVmagent(vmagent, gateway));
  return starters;
}

function print({ name, target }: Case, runs: readonly Measurement[]): void {
  const peer = figures(runs, 'vmagent');
  const wanted = target === undefined ? '' : ` (wanted ${target.toFixed(1)}x)`;
  for (const system of new Set(runs.map((run) => run.system))) {
    const { perCpu, rate, peak, failed } = figures(runs, system);
    const ratios =
      system === 'vmagent' || Number.isNaN(peer.perCpu)
        ? ''
        : `${(perCpu / peer.perCpu).toFixed(2)}x vmagent's${wanted}, memory ${(peak / peer.peak).toFixed(1)}x`;
    console.log(
      `${name.padEnd(10)}  ${system.padEnd(10)}  ${(perCpu / 1e6).toFixed(3)} M samples/CPU-s  ` +
        `${(rate / 1e6).toFixed(3)} M samples/s  ${Math.round(peak / 2 ** 20)} MiB  ${ratios}` +
        (failed > 0 ? `  failed or refused: ${failed}` : ''),
    );
  }
}

function figures(runs: readonly Measurement[], system: string) {
  const mine = runs.filter((run) => run.system === system);
  const of = (figure: (run: Measurement) => number): number => median(mine.map(figure));
  return {
    perCpu: of((run) => run.itemsPerCpuSecond),
    rate: of((run) => run.itemsPerSecond),
    peak: of((run) => run.peakBytes),
    failed: mine.reduce((sum, run) => sum + run.failed + run.refused, 0),
  };
}
