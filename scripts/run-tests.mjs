// Runs the test files on the Node of node_modules, a process each, and ends with the runner's summary.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const named = process.argv.slice(2);
const files =
  named.length > 0
    ? named
    : globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'], {
        cwd: root,
      }).sort();
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-timeout=300000', ...files],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MILLRACE_MAIN: join(root, 'dist', 'main.js') },
  },
);
process.exit(status ?? 1);
