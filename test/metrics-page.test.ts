import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gaugeMergeOf } from '../src/engine/telemetry/family.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
const rows = [...page.matchAll(/^\| `([a-z0-9_]+)` \| (\w+) \| ([\w, ]*) ?\| (\w+) \|/gm)].map(
  ([, name = '', kind = '', labels = '', merge = '']) => ({ name, kind, labels, merge }),
);

/** A name in the source, template places being wild, and the kind where it is told. */
interface Named {
  readonly file: string;
  readonly pattern: RegExp;
  readonly kind: string;
}

/** Instruments are made by these calls, with the name as first argument, or a constant's. */
const CALL = /\b(counter|gauge|histogram|level)\(\s*(?:(['`])([^'`]+)\2|([A-Z][A-Z_]+))/g;

function namesInSource(): Named[] {
  const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return [...text.matchAll(CALL)].flatMap(([, call = '', , literal, constant]) => {
      const name = literal ?? new RegExp(`const ${constant} = '([a-z0-9_]+)'`).exec(text)?.[1];
      if (name === undefined) return [];
      const pattern = new RegExp(`^${name.replace(/\$\{[^}]*\}/g, '[a-z_]+')}$`);
      return [{ file, pattern, kind: call === 'level' ? 'gauge' : call }];
    });
  });
}

test('docs/metrics.md lists every metric of the source, with its kind', () => {
  const names = namesInSource();
  assert(names.length > 20, 'the calls are found');
  const missing = names
    .filter(({ pattern, kind }) => !rows.some((row) => pattern.test(row.name) && row.kind === kind))
    .map(({ file, pattern, kind }) => `${file}: ${kind} ${pattern.source}`);
  assert.deepEqual(missing, []);
});

test('docs/metrics.md lists no metric that is gone, and none twice', () => {
  const names = namesInSource();
  const gone = rows.filter(({ name }) => !names.some(({ pattern }) => pattern.test(name)));
  assert.deepEqual(gone, []);
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
});

test('docs/metrics.md says how values of several shards become one', () => {
  for (const { name, kind, merge } of rows) {
    assert.equal(merge, kind === 'gauge' ? gaugeMergeOf(name) : 'sum', name);
  }
});
