// Compiles the WebAssembly kernels: what each does is said in its source.
import asc from 'assemblyscript/asc';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const KERNELS = {
  'src/wire/kernel.wasm': 'src/wire/kernel/kernel.ts',
  'src/net/codec/snappy.wasm': 'src/net/codec/kernel/snappy.ts',
  'src/formats/prometheus/kernel.wasm': 'src/formats/prometheus/kernel/rewrite.ts',
};

for (const [target, source] of Object.entries(KERNELS)) {
  let said = '';
  const { error } = await asc.main(
    [
      [at(source), '--outFile', at(target)],
      ['-O3', '--runtime', 'stub', '--noAssert', '--initialMemory', '4'],
      ['--enable', 'simd', '--enable', 'bulk-memory'],
    ].flat(),
    { stderr: { write: (text) => void (said += text) } },
  );
  if (error) {
    console.error(`cannot compile ${source}: ${error.message}\n${said}`);
    process.exitCode = 1;
  }
}
