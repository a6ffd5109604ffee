// Runs on any Node >= 20: puts the dependencies and the pinned Node 24 in place, then builds.
// Everything after that runs on the Node that the lockfile names.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const node = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

const environment = { ...process.env };
environment.PATH = `${join(root, 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${environment.PATH ?? ''}`;

/** Runs a command in the project and ends this process with its status when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: environment,
    ...options,
  });
  if (result.error !== undefined) {
    console.error(`cannot run ${command}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function installed() {
  const stamp = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(stamp) || !existsSync(node)) return false;
  return statSync(stamp).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

/** Installs what the lockfile names, unless it is there already. */
export function install() {
  if (installed()) return;
  console.log('installing dependencies ...');
  // Not `npm ci`: npm 11 refuses a lockfile in which optional packages of other platforms are
  // missing, and the registry that made it need not have them all. Nothing is written back.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  if (npm !== undefined && npm.endsWith('.js')) run(process.execPath, [npm, ...args]);
  else run('npm', args, { shell: process.platform === 'win32' });
  if (!existsSync(node)) {
    const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies.node;
    console.error(
      `node ${wanted} is not in node_modules after the installation: its install script did not run; allow it with "npm install-scripts approve node" and try again`,
    );
    process.exit(1);
  }
}

/** Compiles the WebAssembly kernel and the TypeScript into dist/. */
export function build() {
  console.log('building ...');
  run(node, ['scripts/build.mjs']);
}
