import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `npm test` names the built program, which is what ships; without it the sources run. */
export const MAIN =
  process.env['MILLRACE_MAIN'] ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_TIMEOUT_MS = 20_000;

/** A gateway process under test. */
export interface Gateway {
  readonly pid: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** Text of a page of its own: `http://127.0.0.1:PORT/metrics`. */
  page(port: number, path: string): Promise<string>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

/** Runs a configuration in a process of its own and waits until it accepts on all `ports`. */
export async function startGateway(
  yaml: string,
  ports: readonly number[],
  env: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, yaml);
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  const collect = (data: Buffer): void => {
    output += data.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      rmSync(folder, { recursive: true, force: true });
      resolve(code);
    });
  });
  try {
    await listening(child, ports);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`the gateway did not start: ${output}`, { cause: error });
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    page: async (port, path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text(),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill: (signal) => child.kill(signal),
    exited,
  };
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    servers.map((server) => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      return new Promise<number>((resolve) => server.close(() => resolve(port)));
    }),
  );
}

/** The value of one series on a metrics page: name and labels as written there; 0 when absent. */
export function valueOf(page: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const line of page.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null || match[1] !== name) continue;
    const text = match[2] ?? '';
    if (Object.entries(labels).every(([key, value]) => text.includes(`${key}="${value}"`))) {
      sum += Number(match[3]);
    }
  }
  return sum;
}

/** Resolves once `holds` does; rejects with what `describe` says after `timeoutMs`. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  describe: () => string,
  timeoutMs = 15_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not happen in ${timeoutMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Twice in a row: a gateway holds its ports for a moment to see whether they are free. */
async function listening(child: ChildProcess, ports: readonly number[]): Promise<void> {
  const end = Date.now() + START_TIMEOUT_MS;
  for (let inRow = 0; inRow < 2; ) {
    const accepting = await Promise.all(ports.map(accepts));
    inRow = accepting.every(Boolean) ? inRow + 1 : 0;
    if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}`);
    if (Date.now() > end) throw new Error(`not all of ports ${ports.join(', ')} accept`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
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
