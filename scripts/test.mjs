// npm test: install, build, and run every test. Arguments are files to run instead of all.
import { build, install, node, root, run } from './toolchain.mjs';

install();
build();
const named = process.argv.slice(2);
run(node, ['scripts/run-tests.mjs', ...named], { cwd: root });
