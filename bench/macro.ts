/**
 * Client, gateway, sink: every way in and out, sizes from 10 to 8192 items, with and without
 * compression and with and without a change on the way. Saturation first, then half of it for
 * the latency that the gateway adds to what client and sink have between themselves.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Shape } from './load/payload.ts';
import { type LoadShape, measure, measureDirect } from './measure.ts';
import { Sink } from './systems/processes.ts';
import { gatewayFile, System } from './systems/system.ts';

/** What `npm run bench -- macro` was told. */
export interface MacroOptions {
  readonly seconds: number;
  readonly shards: number;
  /** Only cases whose name contains one of these; all when empty. */
  readonly cases: readonly string[];
  /** A handful of cases instead of the whole matrix. */
  readonly quick: boolean;
}

interface MacroCase {
  readonly name: string;
  readonly load: LoadShape;
  readonly upsert: boolean;
}

const SHAPES: readonly (readonly [string, Omit<Shape, 'items'>])[] = [
  ['spans', { signal: 'traces', itemBytes: 400 }],
  ['logs300', { signal: 'logs', itemBytes: 300 }],
  ['logs1k', { signal: 'logs', itemBytes: 1000 }],
];
const QUICK = [
  'spans-http-identity-10-upsert',
  'spans-http-identity-512-pass',
  'spans-http-identity-512-upsert',
  'spans-http-gzip-512-upsert',
  'spans-grpc-identity-512-upsert',
  'logs300-http-identity-512-upsert',
  'logs1k-grpc-zstd-8192-upsert',
];
const COLUMNS = [
  'case',
  'M items/s',
  'CPU-s/M',
  'p50 ms',
  'p99 ms',
  'added p50',
  'added p99',
  'MiB',
];

function matrix(): MacroCase[] {
  const cases: MacroCase[] = [];
  for (const [kind, shape] of SHAPES) {
    for (const protocol of ['http', 'grpc'] as const) {
      for (const encoding of ['identity', 'gzip', 'zstd'] as const) {
        for (const items of [10, 100, 512, 8192]) {
          for (const upsert of [false, true]) {
            const name = [kind, protocol, encoding, items, upsert ? 'upsert' : 'pass'].join('-');
            const connections = items >= 8192 ? 4 : 16;
            const load = { protocol, encoding, connections, shape: { ...shape, items } };
            cases.push({ name, load, upsert });
          }
        }
      }
    }
  }
  return cases;
}

export async function macro(options: MacroOptions): Promise<void> {
  const cases = matrix().filter(({ name }) =>
    options.cases.length > 0
      ? options.cases.some((wanted) => name.includes(wanted))
      : !options.quick || QUICK.includes(name),
  );
  if (cases.length === 0) {
    console.error(
      `no case has ${options.cases.join(' or ')} in its name; names are made like ${QUICK[0]}`,
    );
    process.exitCode = 2;
    return;
  }
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  console.log(row(COLUMNS));
  for (const item of cases) await runCase(item, { options, sink, folder });
  sink.stop();
}

async function runCase(
  item: MacroCase,
  bench: { options: MacroOptions; sink: Sink; folder: string },
): Promise<void> {
  const { options, sink, folder } = bench;
  const { encoding } = item.load;
  const compression = encoding === 'gzip' || encoding === 'zstd' ? encoding : 'none';
  const { path, ports } = await gatewayFile(
    folder,
    {
      sinkHttp: sink.ports.http,
      sinkGrpc: sink.ports.grpc,
      protocol: item.load.protocol,
      compression,
      upsert: item.upsert,
      shards: options.shards,
      batch: true,
    },
    true,
  );
  const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
  const system = await System.start('millrace', command, ports);
  try {
    const full = await measure(system, sink, item.load, { seconds: options.seconds });
    const rate = full.itemsPerSecond / item.load.shape.items / 2;
    const plain: LoadShape = { ...item.load, encoding: 'identity' };
    const half = await measure(system, sink, plain, { seconds: options.seconds, rate });
    const direct = await measureDirect(sink, plain, { seconds: 2, rate });
    console.log(
      row([
        item.name,
        (full.itemsPerSecond / 1e6).toFixed(3),
        full.cpuPerMillion.toFixed(3),
        (half.p50 ?? 0).toFixed(1),
        (half.p99 ?? 0).toFixed(1),
        ((half.p50 ?? 0) - direct.p50).toFixed(1),
        ((half.p99 ?? 0) - direct.p99).toFixed(1),
        String(Math.round(full.peakBytes / 2 ** 20)),
      ]),
    );
  } finally {
    await system.stop();
  }
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(10))).join('');
}
