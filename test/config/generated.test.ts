import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { program } from '../../src/cli/program.ts';
import { registry } from '../../src/registry.ts';

async function printed(words: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const out = (text: string): number => lines.push(text);
  assert.equal(await program(words, { registry, out, err: out }), 0);
  return `${lines.join('\n')}\n`;
}

const REMEDY = 'run node scripts/generate-reference.mjs';

for (const [file, words] of [
  ['millrace.schema.json', ['schema']],
  ['docs/reference.md', ['schema', '--reference']],
] as const) {
  test(`${file} says what the schemas say`, async () => {
    const committed = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    assert.equal(committed, await printed(words), REMEDY);
  });
}

test('every setting is explained, those of an entry of a list by what the list is', async () => {
  const page = await printed(['schema', '--reference']);
  const rows = page.split('\n').filter((line) => line.startsWith('| `') && !line.includes('[].'));
  const unexplained = rows.filter((row) => /\| +\|$/.test(row) && !/\| section \|/.test(row));
  assert.deepEqual(unexplained, []);
});
