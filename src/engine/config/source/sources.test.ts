import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeMistake, Findings } from '../mistakes.ts';
import { readTree } from './sources.ts';
import { plainOf } from './tree.ts';

function read(uris: readonly string[], sets: readonly string[] = [], directory = '/') {
  const findings = new Findings();
  const variables = { LAYER: 'a: {from: env}' };
  const tree = readTree({ uris, sets, variables, directory }, findings);
  return {
    value: tree && plainOf(tree),
    found: findings.sorted('error').map(describeMistake),
  };
}

test('mappings merge, lists replace, and a key with nothing behind it erases', () => {
  const check = (layers: readonly string[], expected: unknown): void => {
    const { value, found } = read(layers.map((layer) => `yaml:${layer}`));
    assert.deepEqual([value, found], [expected, []]);
  };
  check(['a: {b: 1, c: 2}', 'a: {c: 3, d: 4}'], { a: { b: 1, c: 3, d: 4 } });
  check(['a: [1, 2]', 'a: [3]'], { a: [3] });
  check(['a: {b: 1}', 'a:'], { a: null });
  check(['a: {b: 1}', 'a:', 'a: {c: 2}'], { a: { c: 2 } });
  check(['a: {b: 1}', 'a: 5'], { a: 5 });
  check(['a: 1', ''], { a: 1 });
  check(['exporters::debug::verbosity: detailed', 'exporters::debug::x: 1'], {
    exporters: { debug: { verbosity: 'detailed', x: 1 } },
  });
});

test('a setting of the command line lies over the files', () => {
  const { value, found } = read(
    ['yaml:a: {b: 1, c: [1]}'],
    ['a.b=0x10', 'a.c=[2, 3]', 'a.d.e=x=y', 'a.f='],
  );
  assert.deepEqual(value, { a: { b: 16, c: [2, 3], d: { e: 'x=y' }, f: null } });
  assert.deepEqual(found, []);
  assert.deepEqual(read(['yaml:a: 1'], ['nonsense']).found, [
    '--set nonsense:1:1 cannot read --set: write --set section.key=value',
  ]);
});

test('a configuration is a path, file:, env: or yaml:', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-sources-'));
  writeFileSync(join(directory, 'one.yaml'), '\uFEFFa: {from: file}\n');
  const check = (uri: string, expected: unknown): void => {
    assert.deepEqual(read([uri], [], directory), { value: expected, found: [] });
  };
  check('one.yaml', { a: { from: 'file' } });
  check('file:one.yaml', { a: { from: 'file' } });
  check(`file:${join(directory, 'one.yaml')}`, { a: { from: 'file' } });
  check('env:LAYER', { a: { from: 'env' } });
  check('yaml:a: {from: yaml}', { a: { from: 'yaml' } });
});

test('what cannot be read is said, and nothing else is complained of', () => {
  const check = (uri: string, expected: string): void => {
    const { value, found } = read([uri]);
    assert.equal(value, undefined);
    assert.equal(found.length, 1, found.join('\n'));
    assert.ok(found[0]?.startsWith(expected), found[0]);
  };
  check('nowhere.yaml', 'nowhere.yaml:1:1 cannot read file nowhere.yaml: there is no such file');
  check('http://x.example/c.yaml', 'http://x.example/c.yaml:1:1 cannot read http:');
  check('s3:bucket', 's3:bucket:1:1 cannot read "s3:": unknown scheme');
  check('env:MISSING', 'env:MISSING:1:1 environment variable MISSING is not set');
  check('yaml:[1, 2]', 'yaml:1:1 must be a mapping');
  check('yaml:a: {b: 1\nc: 2', 'yaml:2:1 cannot parse as YAML:');
});

test('a syntax error does not show the text around it', () => {
  const { found } = read(['yaml:password: "hunter2" hunter3\nb: 1']);
  assert.equal(found.length, 1);
  assert.doesNotMatch(found.join('\n'), /hunter/);
});

test('a key written twice is a mistake', () => {
  const { found } = read(['yaml:a:\n  b: 1\n  c: 2\n  b: 3\na:\n  d: 4']);
  assert.deepEqual(found, [
    'yaml:4:3 a.b: written twice; first at line 2',
    'yaml:5:1 a: written twice; first at line 1',
  ]);
});

test('anchors, aliases and merge keys work, and cannot be made to explode', () => {
  const { value } = read(['yaml:x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x]']);
  assert.deepEqual(value, { x: { a: 1, b: 2 }, y: { b: 3, a: 1 }, z: [{ a: 1, b: 2 }] });
  const levels = Array.from({ length: 20 }, (_, i) => {
    const refs = i === 0 ? '1, 1' : Array.from({ length: 9 }, () => `*l${i - 1}`).join(', ');
    return `l${i}: &l${i} [${refs}]`;
  });
  const { found } = read([`yaml:${levels.join('\n')}`]);
  assert.match(found[0] ?? '', /more than 200000 values; too many aliases\?/);
});

test('values that hold themselves, or are nested beyond reason, are a mistake with a place', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-nested-'));
  writeFileSync(join(directory, 'self.yaml'), 'ok: 1\na: {b: "${file:self.yaml}"}\n');
  writeFileSync(join(directory, 'twice.yaml'), 'a: ["${file:twice.yaml}", "${file:twice.yaml}"]\n');
  const check = (uri: string, expected: RegExp): void => {
    const { found } = read([uri], [], directory);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', expected);
  };
  check('yaml:x: &x [*x]', /^yaml:1:8 x: has values nested more than 100 levels deep/);
  check(
    `yaml:x: ${'['.repeat(200)}${']'.repeat(200)}`,
    /x: has values nested more than 100 levels/,
  );
  check(
    `yaml:x: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    /^yaml:1:\d+ cannot parse as YAML: maximum call stack/,
  );
  check(
    'self.yaml',
    /^self\.yaml:\d+:\d+ a: \$\{…\} nests more than 100 levels; does a value name itself/,
  );
  check('twice.yaml', /a.* \$\{…\} (nests more than 100|does not come to an end)/);
});
