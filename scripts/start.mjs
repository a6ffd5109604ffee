// npm start: install, build, and run the quickstart pipeline.
import { spawn } from 'node:child_process';
import { build, install, node, root } from './toolchain.mjs';

install();
build();
const child = spawn(
  node,
  [
    'dist/main.js',
    'run',
    '--config',
    'pipelines/quickstart.yaml',
    '--welcome',
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
