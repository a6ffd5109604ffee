import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, System } from './system.ts';

/** Where a gateway for remote-write sends to, and how. */
export interface RemoteWriteOptions {
  /** For configuration files and queues. */
  readonly folder: string;
  readonly sinkHttp: number;
  readonly shards: number;
  /** Requests of Millrace under way at once, which divide the series among them; the default when absent. */
  readonly consumers?: number;
  /** What comes in. OTLP passes no rules. */
  readonly from: 'remote-write' | 'otlp';
}

/** Where vmagent takes OTLP. */
export const VMAGENT_OTLP = '/opentelemetry/v1/metrics';

/** The same two rules for both: a label renamed apart, another taken away. */
const RULES = `- source_labels: [namespace, job]
  separator: /
  target_label: service
- action: labeldrop
  regex: endpoint
`;

/**
 * Millrace, with one pipeline through the rules to remote-write. It sends requests as
 * large as vmagent does when left to itself: 10,000 samples, or what a second brings.
 */
export async function startMillrace(options: RemoteWriteOptions): Promise<System> {
  const ports = { http: await freePort(), grpc: 0 };
  const metrics = await freePort();
  const consumers = options.consumers === undefined ? '' : `num_consumers: ${options.consumers}, `;
  const isOtlp = options.from === 'otlp';
  const address = `endpoint: "127.0.0.1:${ports.http}"`;
  const yaml = `receivers:
  otlp: { protocols: { http: { ${address} } } }
  prometheus_remote_write: { ${address} }
processors:
  relabel:
    rules:
${RULES.replaceAll(/^(?=.)/gm, '      ').trimEnd()}
exporters:
  prometheus_remote_write:
    endpoint: http://127.0.0.1:${options.sinkHttp}/api/v1/write
    sending_queue: { ${consumers}batch: { min_size: 10000, flush_timeout: 1s, sizer: items } }
service:
  shards: ${options.shards}
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" }, logs: { level: warn } }
  pipelines:
    metrics:
      receivers: [${isOtlp ? 'otlp' : 'prometheus_remote_write'}]
      processors: [${isOtlp ? '' : 'relabel'}]
      exporters: [prometheus_remote_write]
`;
  const path = join(options.folder, `millrace-${ports.http}.yaml`);
  writeFileSync(path, yaml);
  const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
  return System.start(options.consumers === 1 ? 'one-lane' : 'millrace', command, ports);
}

/** vmagent at `program`, with the same rules, sending the protocol of Prometheus. */
export async function startVmagent(program: string, options: RemoteWriteOptions): Promise<System> {
  const ports = { http: await freePort(), grpc: 0 };
  const queue = mkdtempSync(join(options.folder, 'vmagent-'));
  const rules = join(queue, 'relabel.yaml');
  writeFileSync(rules, RULES);
  const flags = [
    `-httpListenAddr=127.0.0.1:${ports.http}`,
    `-remoteWrite.url=http://127.0.0.1:${options.sinkHttp}/api/v1/write`,
    '-remoteWrite.forcePromProto',
    ...(options.from === 'otlp' ? [] : [`-remoteWrite.relabelConfig=${rules}`]),
    `-remoteWrite.tmpDataPath=${join(queue, 'queue')}`,
    '-loggerLevel=ERROR',
    '-opentelemetry.usePrometheusNaming',
  ];
  return System.start('vmagent', [program, ...flags], ports);
}
