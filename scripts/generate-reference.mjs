// Writes what is generated from the settings' schemas: the JSON Schema and the reference page.
import { install, node, run } from './toolchain.mjs';

install();
run(node, ['src/main.ts', 'schema', '--output', 'millrace.schema.json']);
run(node, ['src/main.ts', 'schema', '--reference', '--output', 'docs/reference.md']);
