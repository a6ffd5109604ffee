/**
 * What the OpenTelemetry Collector's own probabilistic_sampler decides about fixed sets of spans
 * and log records, asked over OTLP. One collector runs all cases at once, each in a pipeline of
 * its own. `node test/sampling/collector-run.ts PATH/TO/otelcol` records collector-decisions.json
 * anew; the binary is built with the standard builder and needs the otlp receiver, the
 * probabilistic_sampler processor and the otlphttp exporter.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePorts } from '../ends/gateway.ts';
import { attribute, type Item, traceIdOf } from './stand.ts';

export type Signal = 'traces' | 'logs';
export const SIZE = 1024;

/** A set of items, the same every time. */
export interface ItemSet {
  readonly signal: Signal;
  readonly items: readonly Item[];
}

const STATES = [
  undefined,
  'ot=th:0',
  'ot=th:8',
  'ot=th:c',
  'ot=th:e666',
  'other=1,ot=th:4;x:y',
  'vendor@system=a,b=c',
];

function spanOf(index: number): Item {
  return { name: `${index}`, traceId: traceIdOf(index), spanId: '0102030405060708' };
}

/** Explicit randomness in every third, priorities in every eleventh, and some without an id. */
function mixedSpan(index: number): Item {
  const state = STATES[index % STATES.length];
  const random = `rv:${traceIdOf(index + 77_777).slice(0, 14)}`;
  const explicit = state?.includes('ot=') === true ? `${state};${random}` : `ot=${random}`;
  const priority = [
    { intValue: '0' },
    { intValue: '1' },
    { doubleValue: 0.5 },
    { stringValue: '0' },
    { stringValue: '2.5' },
    { stringValue: 'high' },
    { intValue: '-1' },
  ][index % 7];
  return {
    ...spanOf(index + 5000),
    name: `${index}`,
    ...(index % 97 === 13 ? { traceId: '' } : {}),
    ...(index % 3 === 1
      ? { traceState: explicit }
      : state === undefined
        ? {}
        : { traceState: state }),
    ...(index % 11 === 2 ? { attributes: [attribute('sampling.priority', priority ?? {})] } : {}),
  };
}

/** Trace ids in half of them; numbers, texts and bytes to hash; thresholds and priorities. */
function logOf(index: number): Item {
  const attributes: unknown[] = [];
  const source = [
    { stringValue: `order-${index}` },
    { intValue: `${index}` },
    { doubleValue: index + 0.25 },
    { bytesValue: Buffer.from(`${index}`).toString('base64') },
    { boolValue: index % 8 === 4 },
  ][index % 5];
  if (index % 7 !== 0) attributes.push(attribute('order', source ?? {}));
  if (index % 13 === 1) attributes.push(attribute('share', { intValue: '25' }));
  if (index % 13 === 2) attributes.push(attribute('share', { doubleValue: 75.5 }));
  if (index % 13 === 3) attributes.push(attribute('share', { doubleValue: 0 }));
  if (index % 17 === 5) attributes.push(attribute('sampling.threshold', { stringValue: '8' }));
  if (index % 17 === 6) {
    const stringValue = traceIdOf(index + 99).slice(0, 14);
    attributes.push(attribute('sampling.randomness', { stringValue }));
  }
  return {
    severityText: `${index}`,
    attributes,
    ...(index % 2 === 0 ? { traceId: traceIdOf(index + 20_000) } : {}),
  };
}

function setOf(signal: Signal, item: (index: number) => Item): ItemSet {
  return { signal, items: Array.from({ length: SIZE }, (_, index) => item(index)) };
}

export const SETS: Readonly<Record<string, ItemSet>> = {
  plain: setOf('traces', spanOf),
  mixed: setOf('traces', mixedSpan),
  logs: setOf('logs', logOf),
};

const shares = (mode: string, percentages: readonly number[], more: object = {}): object[] =>
  percentages.map((percentage) => ({ mode, sampling_percentage: percentage, ...more }));

const TRACES = [
  ...shares('hash_seed', [0, 0.1, 1, 10, 33.3, 50, 99.99, 100]),
  ...shares('hash_seed', [10, 50], { hash_seed: 22 }),
  ...shares('hash_seed', [10], { hash_seed: 4294967295 }),
  ...shares('proportional', [0, 0.1, 1, 10, 33.3, 50, 99, 100]),
  ...shares('equalizing', [0, 0.1, 1, 10, 33.3, 50, 99, 100]),
  ...shares('proportional', [33.3], { sampling_precision: 1 }),
  ...shares('proportional', [33.3], { sampling_precision: 14 }),
  ...['hash_seed', 'proportional', 'equalizing'].flatMap((mode) =>
    shares(mode, [10], { fail_closed: false }),
  ),
];
const BY_RECORD = { attribute_source: 'record', from_attribute: 'order' };
const LOGS = [
  ...shares('hash_seed', [1, 10, 50, 100]),
  ...shares('hash_seed', [10, 50], { from_attribute: 'order' }),
  ...shares('hash_seed', [10, 50], BY_RECORD),
  ...shares('hash_seed', [10], { ...BY_RECORD, sampling_priority: 'share' }),
  ...shares('proportional', [0, 10, 50, 100], { sampling_priority: 'share' }),
  ...shares('equalizing', [10, 50], { fail_closed: false }),
];

/** One sampler asked about one set. */
export interface Case {
  readonly set: string;
  readonly settings: object;
}

export const CASES: readonly Case[] = [
  ...TRACES.map((settings) => ({ set: 'plain', settings })),
  ...TRACES.map((settings) => ({ set: 'mixed', settings })),
  ...LOGS.map((settings) => ({ set: 'logs', settings })),
];

/** Of each item the threshold it was kept with, empty when it has none; undefined when dropped. */
export type Decisions = readonly (string | undefined)[];

/** Reads what is left of a set, whoever sampled it. */
export function decisionsOf(signal: Signal, left: readonly Item[]): Decisions {
  const decisions: (string | undefined)[] = Array.from({ length: SIZE });
  for (const item of left) {
    const index = Number(signal === 'traces' ? item['name'] : item['severityText']);
    decisions[index] = signal === 'traces' ? thresholdOfSpan(item) : thresholdOfLog(item);
  }
  return decisions;
}

function thresholdOfSpan({ traceState = '' }: Item): string {
  return /(?:^|[=;])th:([0-9a-f]+)/.exec(traceState)?.[1] ?? '';
}

function thresholdOfLog({ attributes = [] }: Item): string {
  const pairs = attributes as readonly { key: string; value: { stringValue?: string } }[];
  return pairs.find(({ key }) => key === 'sampling.threshold')?.value.stringValue ?? '';
}

/** Asks a collector about all cases, in their order. */
export async function runCollector(binary: string): Promise<Decisions[]> {
  const left = CASES.map((): Item[] => []);
  const sink = createServer((incoming, response) => {
    void text(incoming).then((body) => {
      const index = Number(/(\d+)$/.exec(incoming.url ?? '')?.[1]);
      left[index]?.push(...itemsOf(body));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'millrace-collector-'));
  try {
    for (const set of Object.keys(SETS)) {
      await runSet(binary, set, { folder, port: (sink.address() as AddressInfo).port });
    }
  } finally {
    sink.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return CASES.map(({ set }, index) => decisionsOf(SETS[set]!.signal, left[index] ?? []));
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

async function runSet(binary: string, set: string, { folder, port }: Place): Promise<void> {
  const { signal, items } = SETS[set]!;
  const [listen = 0] = await freePorts(1);
  const file = join(folder, `${set}.yaml`);
  writeFileSync(file, configOf(set, listen, port));
  const child = spawn(binary, ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data.toString()).slice(-2000);
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const keys = signal === 'traces' ? SPAN_KEYS : LOG_KEYS;
    const scope = { [keys[1]]: [{ [keys[2]]: items }] };
    const body = JSON.stringify({ [keys[0]]: [scope] });
    const headers = { 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${listen}/v1/${signal}`;
    for (let tries = 0; ; tries++) {
      const answer = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
      if (answer?.ok === true) break;
      if (tries > 200 || child.exitCode !== null || answer !== undefined) {
        throw new Error(`the collector did not take ${set}: ${answer?.status} ${complaint}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}

const SPAN_KEYS = ['resourceSpans', 'scopeSpans', 'spans'] as const;
const LOG_KEYS = ['resourceLogs', 'scopeLogs', 'logRecords'] as const;

function itemsOf(body: string): Item[] {
  const request = JSON.parse(body) as Record<string, Record<string, Record<string, Item[]>[]>[]>;
  const [resources, scopes, records] = request['resourceSpans'] ? SPAN_KEYS : LOG_KEYS;
  return (request[resources] ?? []).flatMap((resource) =>
    (resource[scopes] ?? []).flatMap((scope) => scope[records] ?? []),
  );
}

function configOf(set: string, listen: number, port: number): string {
  const { signal } = SETS[set]!;
  const own = CASES.map((each, index) => ({ ...each, index })).filter((each) => each.set === set);
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${listen}` } } } },
    processors: Object.fromEntries(
      own.map(({ index, settings }) => [`probabilistic_sampler/${index}`, settings]),
    ),
    exporters: Object.fromEntries(
      own.map(({ index }) => [
        `otlphttp/${index}`,
        {
          [`${signal}_endpoint`]: `http://127.0.0.1:${port}/${index}`,
          encoding: 'json',
          compression: 'none',
          sending_queue: { enabled: false },
        },
      ]),
    ),
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: Object.fromEntries(
        own.map(({ index }) => [
          `${signal}/${index}`,
          {
            receivers: ['otlp'],
            processors: [`probabilistic_sampler/${index}`],
            exporters: [`otlphttp/${index}`],
          },
        ]),
      ),
    },
  };
  return JSON.stringify(config);
}

/** Decisions as text: one letter per item, `.` for dropped, the letter of its threshold for kept. */
export interface Packed {
  readonly set: string;
  readonly settings: object;
  readonly thresholds: readonly string[];
  readonly items: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

function pack({ set, settings }: Case, decisions: Decisions): Packed {
  const kept = decisions.filter((each) => each !== undefined);
  const thresholds = [...new Set(kept)].toSorted();
  const items = Array.from(decisions, (each) =>
    each === undefined ? '.' : (LETTERS[thresholds.indexOf(each)] ?? '?'),
  ).join('');
  return { set, settings, thresholds, items };
}

export function unpack({ thresholds, items }: Packed): Decisions {
  return Array.from(items, (each) =>
    each === '.' ? undefined : thresholds[LETTERS.indexOf(each)],
  );
}

if (import.meta.main) {
  const [binary = 'otelcol'] = process.argv.slice(2);
  const decisions = await runCollector(binary);
  const packed = CASES.map((each, index) => pack(each, decisions[index] ?? []));
  const lines = packed.map((each) => JSON.stringify(each)).join(',\n');
  writeFileSync(new URL('collector-decisions.json', import.meta.url), `[\n${lines}\n]\n`);
  console.log(`${packed.length} cases of ${SIZE} items recorded`);
}
