/** The micro benches: one function at a time, cost per request. */
import type { Bench } from 'tinybench';
import { codecBench } from './micro/codecs.ts';
import { samplingBench } from './micro/sampling.ts';
import { scrapeBench } from './micro/scrape.ts';
import { wireBench } from './micro/wire.ts';

/** Runs all of them and prints a line each. */
export async function micro(): Promise<void> {
  for (const bench of [wireBench(), samplingBench(), codecBench(), scrapeBench()]) {
    await bench.run();
    print(bench);
  }
}

function print(bench: Bench): void {
  console.log(`\n${bench.name ?? ''}`);
  for (const { name, result } of bench.tasks) {
    if (!('latency' in result)) continue;
    console.log(`${name.padEnd(54)} ${(result.latency.p50 * 1000).toFixed(1).padStart(9)} us`);
  }
}
