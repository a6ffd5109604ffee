import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A gateway under test: a process that listens, and what it has cost so far. */
export class System {
  readonly name: string;
  readonly ports: { readonly http: number; readonly grpc: number };
  readonly #child: ChildProcess;
  #peakBytes = 0;
  readonly #sampler: NodeJS.Timeout;

  private constructor(name: string, ports: { http: number; grpc: number }, child: ChildProcess) {
    this.name = name;
    this.ports = ports;
    this.#child = child;
    this.#sampler = setInterval(() => this.#sample(), 200);
    this.#sampler.unref();
  }

  /** Starts a command and waits until it accepts connections on its HTTP port. */
  static async start(
    name: string,
    command: readonly string[],
    ports: { http: number; grpc: number },
  ): Promise<System> {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr?.on('data', (data: Buffer) => {
      complaint = (complaint + data.toString()).slice(-4000);
    });
    for (let tries = 0; tries < 300; tries += 1) {
      if (child.exitCode !== null) throw new Error(`${name} did not start: ${complaint}`);
      if (await listens(ports.http)) return new System(name, ports, child);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill('SIGKILL');
    throw new Error(`${name} does not listen on port ${ports.http}: ${complaint}`);
  }

  /** CPU seconds of all its threads, user and system. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Resident memory now, in bytes; 0 once the process has gone. */
  get residentBytes(): number {
    try {
      const pages = Number(readFileSync(`/proc/${this.#child.pid}/statm`, 'latin1').split(' ')[1]);
      return pages * PAGE_BYTES;
    } catch {
      return 0;
    }
  }

  /** Highest resident memory seen, in bytes. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampler);
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 8000);
    await gone;
    clearTimeout(timer);
  }

  #sample(): void {
    this.#peakBytes = Math.max(this.#peakBytes, this.residentBytes);
  }
}

/** What a gateway is asked to do; the same file for Millrace and the OpenTelemetry Collector. */
export interface GatewayOptions {
  readonly sinkHttp: number;
  readonly sinkGrpc: number;
  /** Protocol towards the sink. */
  readonly protocol: 'http' | 'grpc';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Level of the compression; the usual one when not given. */
  readonly level?: number;
  /** Whether one resource attribute is upserted on the way. */
  readonly upsert: boolean;
  /** Samples behind the upsert. */
  readonly sampler?: { readonly mode: string; readonly percentage: number };
  readonly shards?: number;
  readonly memoryBudget?: string;
  readonly batch: boolean;
}

/** Writes a configuration file for a gateway and answers its path and ports. */
export async function gatewayFile(
  folder: string,
  options: GatewayOptions,
  own: boolean,
): Promise<{ path: string; ports: { http: number; grpc: number } }> {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const exporter =
    options.protocol === 'http'
      ? `otlphttp:\n    endpoint: http://127.0.0.1:${options.sinkHttp}`
      : `otlp:\n    endpoint: 127.0.0.1:${options.sinkGrpc}\n    tls: { insecure: true }`;
  const batch = options.batch
    ? 'batch: { flush_timeout: 200ms, min_size: 8192, sizer: items }'
    : 'sizer: requests';
  const ownKeys = [
    ...(options.shards === undefined ? [] : [`  shards: ${options.shards}`]),
    ...(options.memoryBudget === undefined
      ? []
      : [`  admission: { max_bytes: ${options.memoryBudget} }`]),
  ].join('\n');
  const { sampler } = options;
  const processors = [
    ...(options.upsert ? ['resource'] : []),
    ...(sampler === undefined ? [] : ['probabilistic_sampler']),
  ].join(', ');
  const sampling =
    sampler === undefined
      ? ''
      : `\n  probabilistic_sampler: { mode: ${sampler.mode}, sampling_percentage: ${sampler.percentage} }`;
  const yaml = `receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:${grpc}, max_recv_msg_size_mib: 64 }
      http: { endpoint: 127.0.0.1:${http} }
processors:
  resource:
    attributes: [{ key: gateway, value: bench, action: upsert }]${sampling}
exporters:
  ${exporter}
    compression: ${options.compression}${options.level === undefined ? '' : `\n    compression_params: { level: ${options.level} }`}
    sending_queue: { queue_size: 1000, ${batch} }
service:
${own ? ownKeys : ''}
  telemetry: { metrics: { ${own ? `address: "127.0.0.1:${metrics}"` : 'level: none'} }, logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], processors: [${processors}], exporters: [${options.protocol === 'http' ? 'otlphttp' : 'otlp'}] }
    logs: { receivers: [otlp], processors: [${processors}], exporters: [${options.protocol === 'http' ? 'otlphttp' : 'otlp'}] }
`;
  const path = join(folder, `${own ? 'millrace' : 'collector'}-${http}.yaml`);
  writeFileSync(path, yaml);
  return { path, ports: { http, grpc } };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Once is not enough: Millrace holds a port for a moment to see whether it is free. */
async function listens(port: number): Promise<boolean> {
  if (!(await accepts(port))) return false;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return accepts(port);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
