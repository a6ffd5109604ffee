import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAIN } from '../../ends/gateway.ts';

const PATIENCE_MS = 15_000;

/** What a run of the program that ended by itself came to. */
export interface Ended {
  /** null when it had to be killed. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command on a configuration and waits for its end. `watch` is called meanwhile. */
export async function runProgram(
  command: string,
  yaml: string,
  watch?: () => Promise<void>,
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-program-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, yaml);
  const child = spawn(process.execPath, [MAIN, command, '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const killer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  while (watch !== undefined && child.exitCode === null && child.signalCode === null) {
    await watch();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const code = await ended;
  clearTimeout(killer);
  rmSync(folder, { recursive: true, force: true });
  return { code, out, err };
}
