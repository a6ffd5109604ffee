// npm run bench [-- ARGS]: install, build, and run the benches.
import { build, install, node, run } from './toolchain.mjs';

install();
build();
run(node, ['bench/main.ts', ...process.argv.slice(2)]);
