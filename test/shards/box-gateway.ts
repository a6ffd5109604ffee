import http from 'node:http';
import { type RunningCollector, type RunOptions, runCollector } from '../../src/collector.ts';
import type { Config, DeliveryConfig } from '../../src/engine/config/config.ts';
import { freePorts } from '../ends/gateway.ts';
import { type BoxAnswer, boxRegistry } from './boxes.ts';

/** What a test wants of its gateway. */
export interface BoxOptions extends RunOptions {
  readonly shards: number;
  readonly burnMs?: number;
  /** A second receiver on the same port. */
  readonly twice?: boolean;
  readonly stall?: boolean;
  readonly maxBytes?: number;
  readonly tenantShare?: number;
  readonly port?: number;
  readonly shutdownTimeoutMs?: number;
  /** Of the self-metrics server; none when absent. */
  readonly adminAddress?: string;
}

/** A collector of boxes in this process, and how to reach it. */
export interface BoxGateway {
  readonly collector: RunningCollector;
  readonly port: number;
  readonly lines: readonly string[];
}

const DELIVERY: DeliveryConfig = {
  timeoutMs: 60_000,
  retry: {
    enabled: false,
    initialIntervalMs: 100,
    randomizationFactor: 0,
    multiplier: 1,
    maxIntervalMs: 100,
    maxElapsedTimeMs: 0,
  },
  queue: {
    enabled: true,
    numConsumers: 10,
    size: 1_000_000,
    sizer: 'requests',
    blockOnOverflow: false,
    waitForResult: false,
    batch: undefined,
  },
};

function configOf(options: BoxOptions, port: number): Config {
  const { shards, burnMs = 0, stall = false, maxBytes = 0, tenantShare = 1 } = options;
  const endpoint = `127.0.0.1:${port}`;
  const settings = { endpoint, burn_ms: burnMs };
  const again = { id: 'box/2', type: 'box', settings: { ...settings, hidden: true } };
  return {
    receivers: {
      box: { id: 'box', type: 'box', settings },
      ...(options.twice === true ? { 'box/2': again } : {}),
    },
    processors: {},
    exporters: { tally: { id: 'tally', type: 'tally', settings: { stall }, delivery: DELIVERY } },
    extensions: {},
    service: {
      shards,
      extensions: [],
      pipelines: {
        logs: {
          id: 'logs',
          signal: 'logs',
          receivers: options.twice === true ? ['box', 'box/2'] : ['box'],
          processors: [],
          exporters: ['tally'],
          bestEffort: [],
          acknowledge: 'queued',
        },
      },
      tenancy: { headers: ['x-tenant-id'], default: 'default' },
      admission: { maxBytes, tenantShare },
      telemetry: {
        logs: { level: 'info', encoding: 'json' },
        metrics: {
          level: 'normal',
          address: options.adminAddress,
          prefix: 'millrace',
          totalSuffix: false,
        },
      },
      shutdownTimeoutMs: options.shutdownTimeoutMs ?? 5000,
    },
    hash: 'test',
    notes: [],
  };
}

/** Starts one in this process. */
export async function startBoxes(options: BoxOptions): Promise<BoxGateway> {
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const lines: string[] = [];
  const collector = await runCollector(configOf(options, port), boxRegistry, {
    shardEntry: new URL('./entry.ts', import.meta.url),
    write: (line) => lines.push(line),
    ...(options.reusePort === undefined ? {} : { reusePort: options.reusePort }),
  });
  return { collector, port, lines };
}

/** Sends one body. Rejects when the connection is cut. */
export function send(
  to: { readonly port: number; readonly agent?: http.Agent },
  body: string | Uint8Array,
  tenant = 'default',
): Promise<BoxAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port: to.port,
        agent: to.agent,
        method: 'POST',
        headers: { 'x-tenant-id': tenant, 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve(JSON.parse(text) as BoxAnswer));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
