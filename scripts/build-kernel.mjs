// Compiles src/wire/kernel/kernel.ts to src/wire/kernel.wasm.
import asc from 'assemblyscript/asc';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

let said = '';
const { error } = await asc.main(
  [
    [at('src/wire/kernel/kernel.ts'), '--outFile', at('src/wire/kernel.wasm')],
    ['-O3', '--runtime', 'stub', '--noAssert', '--initialMemory', '4'],
    ['--enable', 'simd', '--enable', 'bulk-memory'],
  ].flat(),
  { stderr: { write: (text) => void (said += text) } },
);

if (error) {
  console.error(`cannot compile the kernel: ${error.message}\n${said}`);
  process.exitCode = 1;
}
