import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, System } from './system.ts';

/** Where a gateway for remote-write sends to, and how. */
export interface RemoteWriteOptions {
  /** For configuration files and queues. */
  readonly folder: string;
  readonly sinkHttp: number;
  readonly shards: number;
}

/** The same two rules for both: a label renamed apart, another taken away. */
const RULES = `- source_labels: [namespace, job]
  separator: /
  target_label: service
- action: labeldrop
  regex: endpoint
`;

/**
 * Millrace, with one pipeline from remote-write through the rules to remote-write. It sends requests as
 * large as vmagent does when left to itself: 10,000 samples, or what a second brings.
 */
export async function startMillrace(options: RemoteWriteOptions): Promise<System> {
  const ports = { http: await freePort(), grpc: 0 };
  const metrics = await freePort();
  const yaml = `receivers:
  prometheus_remote_write: { endpoint: "127.0.0.1:${ports.http}" }
processors:
  relabel:
    rules:
${RULES.replaceAll(/^(?=.)/gm, '      ').trimEnd()}
exporters:
  prometheus_remote_write:
    endpoint: http://127.0.0.1:${options.sinkHttp}/api/v1/write
    sending_queue: { batch: { min_size: 10000, flush_timeout: 1s, sizer: items } }
service:
  shards: ${options.shards}
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" }, logs: { level: warn } }
  pipelines:
    metrics:
      receivers: [prometheus_remote_write]
      processors: [relabel]
      exporters: [prometheus_remote_write]
`;
  const path = join(options.folder, `millrace-${ports.http}.yaml`);
  writeFileSync(path, yaml);
  const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
  return System.start('millrace', command, ports);
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
    `-remoteWrite.relabelConfig=${rules}`,
    `-remoteWrite.tmpDataPath=${join(queue, 'queue')}`,
    '-loggerLevel=ERROR',
  ];
  return System.start('vmagent', [program, ...flags], ports);
}
