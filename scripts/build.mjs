// Compiles the WebAssembly kernel, then src/ into dist/. Runs on the Node of node_modules.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function step(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

step(['scripts/build-kernel.mjs']);
rmSync(join(root, 'dist'), { recursive: true, force: true });
step(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
for (const asset of [
  'wire/kernel.wasm',
  'formats/prometheus/kernel.wasm',
  'net/codec/snappy.wasm',
]) {
  const source = join(root, 'src', asset);
  if (!existsSync(source)) continue;
  mkdirSync(dirname(join(root, 'dist', asset)), { recursive: true });
  copyFileSync(source, join(root, 'dist', asset));
}
