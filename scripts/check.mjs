// npm run check: types, lint, format, dead code.
import { install, node, run } from './toolchain.mjs';

install();
run(node, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json']);
run('oxlint', ['--type-aware', '--deny-warnings']);
run('biome', ['format', '.']);
run('knip', []);
