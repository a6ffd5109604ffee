import { type ChildProcess, fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadReport } from '../load/generator.ts';
import type { SinkReport } from '../sink/ledger.ts';
import type { SinkQuestion } from '../sink/sink.ts';

const GENERATOR = fileURLToPath(new URL('../load/generator.ts', import.meta.url));
const SINK = fileURLToPath(new URL('../sink/sink.ts', import.meta.url));

/** The sink process, seen from the bench. */
export class Sink {
  readonly ports: { readonly http: number; readonly grpc: number };
  readonly #child: ChildProcess;

  private constructor(ports: { http: number; grpc: number }, child: ChildProcess) {
    this.ports = ports;
    this.#child = child;
  }

  static async start(): Promise<Sink> {
    const child = fork(SINK, { serialization: 'json' });
    const ports = await message<{ http: number; grpc: number }>(child);
    return new Sink(ports, child);
  }

  /** Forgets what came; `numbered` says whether every number is to be checked from now on. */
  async reset(numbered: boolean): Promise<void> {
    await this.#ask({ ask: 'reset', numbered });
  }

  report(): Promise<SinkReport> {
    return this.#ask({ ask: 'report' });
  }

  /** How many of the numbers in the ranges never came. */
  async missing(ranges: readonly (readonly [number, number])[]): Promise<number> {
    return (await this.#ask({ ask: 'missing', ranges })).missing;
  }

  /** Resolves once nothing has arrived for `quietMs`. */
  async settled(quietMs: number): Promise<SinkReport> {
    let last = await this.report();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      const now = await this.report();
      if (now.items === last.items) return now;
      last = now;
    }
  }

  stop(): void {
    this.#child.kill();
  }

  async #ask(question: SinkQuestion): Promise<SinkReport & { missing: number }> {
    const answer = message<SinkReport & { missing: number }>(this.#child);
    this.#child.send(question);
    return answer;
  }
}

/** Runs a load in a process of its own. */
export function runLoad(order: LoadOrder): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [GENERATOR, JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    child.on('error', reject);
    // `exit` may come before the last of the output.
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as LoadReport);
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the sink ended'));
    child.once('exit', ended);
    child.once('message', (value) => {
      child.off('exit', ended);
      resolve(value as T);
    });
  });
}
