#!/usr/bin/env node
// Starts the built program on the Node that is installed beside it, whatever Node found this file.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, 'dist', 'main.js');
const own = join(root, 'node_modules', 'node', 'bin', 'node');

if (!existsSync(main)) {
  console.error('millrace is not built yet: run "npm run build" first');
  process.exit(1);
}
if (Number(process.versions.node.split('.')[0]) >= 24) {
  process.argv[1] = main;
  await import(pathToFileURL(main).href);
} else if (existsSync(own)) {
  const child = spawn(own, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
} else {
  console.error(`millrace needs Node 24 or newer, this is ${process.version}: run "npm install" first`);
  process.exit(1);
}
