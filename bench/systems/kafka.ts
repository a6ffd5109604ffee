import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, System } from './system.ts';

/** Which way the data goes: requests to records, or records to requests. */
export type Way = 'to-kafka' | 'from-kafka';

/** What a gateway beside Kafka is asked to do. */
export interface KafkaOptions {
  readonly folder: string;
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Port of the sink; of `from-kafka`. */
  readonly sinkHttp: number;
  readonly shards: number;
}

type Client = 'platformatic' | 'kafkajs';

/** Millrace with one of its clients. */
export function startMillrace(way: Way, client: Client, options: KafkaOptions): Promise<System> {
  const name = client === 'platformatic' ? 'millrace' : `millrace-${client}`;
  return start(name, way, options, {
    command: (path) => [process.execPath, 'dist/main.js', 'run', '--config', path],
    keys: `client: ${client}`,
    service: (metrics) =>
      `  shards: ${options.shards}\n  telemetry: { metrics: { address: "127.0.0.1:${metrics}" }, logs: { level: warn } }`,
  });
}

/** The OpenTelemetry Collector at `program`, with the same file. */
export function startCollector(program: string, way: Way, options: KafkaOptions): Promise<System> {
  return start('collector', way, options, {
    command: (path) => [program, '--config', path],
    keys: 'client_id: collector',
    service: () => '  telemetry: { metrics: { level: none }, logs: { level: warn } }',
  });
}

interface Flavour {
  readonly command: (path: string) => readonly string[];
  /** Of the Kafka section. */
  readonly keys: string;
  readonly service: (metrics: number) => string;
}

/** Requests are not gathered: at 512 spans one of them is a record of 200 KB. */
async function start(
  name: string,
  way: Way,
  { folder, brokers, topic, sinkHttp }: KafkaOptions,
  { command, keys, service }: Flavour,
): Promise<System> {
  const [http, metrics] = [await freePort(), await freePort()];
  const connection = `brokers: [${brokers.join(', ')}]\n    ${keys}`;
  const reads = way === 'from-kafka';
  const yaml = `receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${http}" } } }
${reads ? `  kafka:\n    ${connection}\n    group_id: ${topic}-${name}\n    initial_offset: earliest\n    traces: { topics: [${topic}] }` : ''}
exporters:
${
  reads
    ? `  otlp_http:\n    endpoint: http://127.0.0.1:${sinkHttp}\n    compression: none\n    sending_queue: { queue_size: 1000, block_on_overflow: true }`
    : `  kafka:\n    ${connection}\n    traces: { topic: ${topic} }\n    producer: { max_message_bytes: 8000000 }\n    sending_queue: { queue_size: 1000 }`
}
service:
${service(metrics)}
  pipelines:
    traces: { receivers: [${reads ? 'otlp, kafka' : 'otlp'}], exporters: [${reads ? 'otlp_http' : 'kafka'}] }
`;
  const path = join(folder, `${name}-${way}-${http}.yaml`);
  writeFileSync(path, yaml);
  return System.start(name, command(path), { http, grpc: 0 });
}
