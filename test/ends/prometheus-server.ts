import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianPackage, type Suite } from './debian.ts';
import { eventually, freePorts } from './gateway.ts';

/** Versions to test against: that of Debian 12, and 3.x of Debian's unstable suite. */
export type PrometheusVersion = '2.42' | '3';

const START_TIMEOUT_MS = 30_000;

const SUITES: Readonly<Record<PrometheusVersion, Suite>> = { '2.42': 'bookworm', '3': 'sid' };

/** Where the programs are, or why they cannot be had. */
export type PrometheusProgram = { readonly path: string } | { readonly missing: string };

/** The server of Debian; `promtool` is that of 2.42. */
export async function prometheusProgram(
  program: 'promtool' | PrometheusVersion,
): Promise<PrometheusProgram> {
  const isTool = program === 'promtool';
  const unpacked = await debianPackage('prometheus', isTool ? 'bookworm' : SUITES[program]);
  if ('missing' in unpacked) return unpacked;
  return { path: join(unpacked.folder, 'usr/bin', isTool ? 'promtool' : 'prometheus') };
}

/** A series as a query answers it: its labels, and the newest value or all values by time. */
export interface QueriedSeries {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since the epoch and the value as text; of `query`. */
  readonly value?: readonly [number, string];
  /** Of a range selector such as `up[5m]`. */
  readonly values?: readonly (readonly [number, string])[];
  readonly histogram?: readonly [number, unknown];
  readonly histograms?: readonly (readonly [number, unknown])[];
}

/** A Prometheus server under test. */
export interface PrometheusServer {
  /** `http://127.0.0.1:PORT`, without a path behind it. */
  readonly url: string;
  readonly port: number;
  /** Everything it logged so far. */
  output(): string;
  /** `data` of a page of its HTTP API: `api('targets', { state: 'active' })`. */
  api(page: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  /** An instant query; `at` in seconds since the epoch, now when absent. */
  query(expression: string, at?: number): Promise<readonly QueriedSeries[]>;
  /** SIGTERM; resolves when it has written its data and ended. With `keepData` it can come back. */
  stop(options?: { readonly keepData?: boolean }): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Where its data is. */
  readonly dataFolder: string;
}

/** How a server is started. */
export interface PrometheusOptions {
  /** Text of prometheus.yml. */
  readonly config: string;
  readonly flags?: readonly string[];
  /** Of a server that was stopped with its data kept; a folder of its own when absent. */
  readonly dataFolder?: string;
  /** A free one when absent. */
  readonly port?: number;
}

/** Starts the program at `path` and resolves when it answers queries. */
export async function startPrometheus(
  path: string,
  options: PrometheusOptions,
): Promise<PrometheusServer> {
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const server = new Server(path, port, options);
  await server.ready();
  return server;
}

class Server implements PrometheusServer {
  readonly port: number;
  readonly url: string;
  readonly dataFolder: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  constructor(path: string, port: number, { config, flags = [], dataFolder }: PrometheusOptions) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.dataFolder = dataFolder ?? mkdtempSync(join(tmpdir(), 'millrace-prometheus-'));
    const file = join(this.dataFolder, 'prometheus.yml');
    writeFileSync(file, config);
    const own = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(this.dataFolder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn(path, [...own, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (data: Buffer): void => {
      this.#output += data.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#output += error.message;
        resolve();
      });
      child.once('close', () => resolve());
    });
    this.#child = child;
  }

  /** Rejects, with nothing left running, when it does not start. */
  async ready(): Promise<void> {
    const hasEnded = (): boolean => this.#child.exitCode !== null || this.#child.pid === undefined;
    try {
      await eventually(
        async () => hasEnded() || (await isReady(this.url)),
        () => this.#output,
        START_TIMEOUT_MS,
      );
      if (hasEnded()) throw new Error(`prometheus did not start: ${this.#output}`);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  output(): string {
    return this.#output;
  }

  api(page: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return ask(`${this.url}/api/v1/${page}?${new URLSearchParams(parameters).toString()}`);
  }

  async query(expression: string, at?: number): Promise<readonly QueriedSeries[]> {
    const time = at === undefined ? {} : { time: String(at) };
    const data = await this.api('query', { query: expression, ...time });
    return (data as { readonly result: readonly QueriedSeries[] }).result;
  }

  async stop({ keepData = false } = {}): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    if (!keepData) rmSync(this.dataFolder, { recursive: true, force: true });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/-/ready`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function ask(url: string): Promise<unknown> {
  const response = await fetch(url);
  const reply = (await response.json()) as { data?: unknown; error?: string };
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${reply.error}`);
  return reply.data;
}
