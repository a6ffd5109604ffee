import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { describeMistake, Findings } from '../mistakes.ts';
import { checkSection } from '../schema/check.ts';
import { readTree } from './sources.ts';
import { plainOf } from './tree.ts';

type Variables = Readonly<Record<string, string>>;

function read(yaml: string, variables: Variables = {}, directory = '/') {
  const findings = new Findings();
  const sources = { uris: [`yaml:${yaml}`], sets: [], variables, directory };
  const tree = readTree(sources, findings);
  const found = [...findings.sorted('error'), ...findings.sorted('warning')];
  return { tree, found: found.map(describeMistake), findings };
}

const FIELDS = {
  int: z.int(),
  string: z.string(),
  bool: z.boolean(),
} as const;

/** What a setting of one kind makes of `${env:ENV}`, and what goes wrong. */
function settingOf(kind: keyof typeof FIELDS, yaml: string, variables: Variables) {
  const { tree, findings } = read(yaml, variables);
  assert.ok(tree);
  const schema = z.strictObject({ field: FIELDS[kind] as z.ZodType });
  const { output } = checkSection(schema, { tree, path: [] }, findings);
  const [mistake] = findings.sorted('error');
  return mistake === undefined ? output?.['field'] : { problem: mistake.message };
}

const WHOLE = 'field: ${env:ENV}';
const INLINE = 'field: inline field with ${env:ENV} expansion';

test('a value keeps its text for strings and takes the type of its YAML otherwise', () => {
  const check = (kind: keyof typeof FIELDS, value: string, expected: unknown): void => {
    const label = `${kind} ${value}`;
    assert.deepEqual(settingOf(kind, WHOLE, { ENV: value }), expected, label);
    const nested = { ENV: '${env:ENV2}', ENV2: value };
    assert.deepEqual(settingOf(kind, WHOLE, nested), expected, `${label}, nested`);
  };
  check('int', '123', 123);
  check('string', '123', '123');
  check('int', '0123', 83);
  check('string', '0123', '0123');
  check('int', '0xdeadbeef', 3735928559);
  check('string', '0xdeadbeef', '0xdeadbeef');
  check('string', '"0123"', '"0123"');
  check('int', '"0123"', { problem: 'expected a number, got "\\"0123\\""' });
  check('string', '!!str 0123', '!!str 0123');
  check('bool', 't', { problem: 'expected true or false, got "t"' });
  check('bool', '23', { problem: 'expected true or false, got 23' });
  check('bool', 'true', true);
  check('string', 'true', 'true');
  check('string', '1111:1111:1111:1111:1111::', '1111:1111:1111:1111:1111::');
  check('string', '2006-01-02T15:04:05Z07:00', '2006-01-02T15:04:05Z07:00');
  check('string', '{"field": 123}', '{"field": 123}');
  check('string', '', '');
  check('bool', 'true # comment with a ${env:hello.world} reference', true);
});

test('inside other text an expansion is its text', () => {
  const check = (value: string): void => {
    const expected = `inline field with ${value} expansion`;
    assert.equal(settingOf('string', INLINE, { ENV: value }), expected);
    assert.equal(settingOf('string', INLINE, { ENV: '${ENV2}', ENV2: value }), expected);
  };
  check('123');
  check('0123');
  check('0xdeadbeef');
  check('"0123"');
  check('!!str 0123');
  check('{"field": 123}');
  check('1111:1111:1111:1111:1111::');
});

test('a literal is what YAML says it is', () => {
  const check = (kind: keyof typeof FIELDS, written: string, expected: unknown): void => {
    assert.deepEqual(settingOf(kind, `field: ${written}`, {}), expected, written);
  };
  check('int', '0123', 83);
  check('int', '0o17', 15);
  check('int', '0b101', 5);
  check('int', '1_000', 1000);
  check('int', '-0x10', -16);
  check('string', '"0123"', '0123');
  check('string', '!!str 0123', '0123');
  check('string', 'yes', 'yes');
  check('string', '1:30', '1:30');
  check('string', '123', { problem: 'expected a string, got 123; write "123"' });
});

test('expansions wrap each other, default, escape and include', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-expand-'));
  writeFileSync(join(directory, 'part.yaml'), 'a: 1\nb: ["${env:NAME}"]\n');
  writeFileSync(join(directory, 'token'), 'hush\n');
  const variables = {
    NAME: 'value',
    EMPTY: '',
    WHICH: 'NAME',
    WRAPPED: 'a ${env:NAME} b',
    MAP: '{k: "$$x"}',
  };
  const check = (written: string, expected: unknown): void => {
    const { tree, found } = read(`field: ${written}`, variables, directory);
    assert.ok(tree);
    assert.deepEqual([plainOf(tree), found], [{ field: expected }, []], written);
  };
  check('${NAME}', 'value');
  check('${env:NAME}', 'value');
  check('${env:${env:WHICH}}', 'value');
  check('${env:WRAPPED}', 'a value b');
  check('<${WRAPPED}|${WRAPPED}>', '<a value b|a value b>');
  check('${env:MISSING:-otherwise}', 'otherwise');
  check('${env:MISSING:-}', null);
  check('${MISSING:-8080}', 8080);
  check('${env:MISSING:-http://localhost:4318}', 'http://localhost:4318');
  check('${env:EMPTY:-otherwise}', null);
  check('$$NAME', '$NAME');
  check('$${NAME}', '${NAME}');
  check('$$${NAME}', '$value');
  check('"$$$$"', '$$');
  check('$${env:${NAME}}', '${env:value}');
  check('100$', '100$');
  check('${MAP}', { k: '$x' });
  check('${yaml:[1, "${NAME}"]}', [1, 'value']);
  check('${file:part.yaml}', { a: 1, b: ['value'] });
  check('Bearer ${file:token}', 'Bearer hush');
  check('[a, "${NAME}", {b: "${NAME}"}]', ['a', 'value', { b: 'value' }]);
});

test('what an expansion cannot mean is said with its place', () => {
  const check = (written: string, variables: Variables, expected: readonly RegExp[]): void => {
    const { found } = read(`ok: 1\nfield: ${written}`, variables);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern);
  };
  check('${env:MISSING}', {}, [/^yaml:2:1 field: environment variable MISSING is not set/]);
  check('${1}', {}, [/^yaml:2:1 field: "1" is no name of an environment variable/]);
  check('${s3:bucket}', {}, [
    /^yaml:2:1 field: cannot read "s3:": unknown scheme; allowed: env, file/,
  ]);
  check('${https://x.example/y}', {}, [/field: cannot read https: configuration is not fetched/]);
  check('${file:/nowhere/at-all}', {}, [
    /field: cannot read file \/nowhere\/at-all: there is no such file/,
  ]);
  check('${LOOP}', { LOOP: '${LOOP}' }, [
    /field: \$\{…\} does not come to an end after 1000 replacements/,
  ]);
  check('${GROW}', { GROW: '${GROW}${GROW}' }, [/field: \$\{…\} (grows|does not come to an end)/]);
  check('host $NAME', { NAME: 'x' }, [/field: \$NAME is not expanded; write \$\{env:NAME\}/]);
  check('${PASSWORD}', { PASSWORD: 'pa$WORD' }, []);
});

test('a file that holds a number is text where text is wanted', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-expand-'));
  writeFileSync(join(directory, 'pin'), '0123\n');
  const { tree, findings } = read('field: ${file:pin}', {}, directory);
  assert.ok(tree);
  const check = (schema: z.ZodType): unknown =>
    checkSection(z.strictObject({ field: schema }), { tree, path: [] }, findings).output?.field;
  assert.deepEqual([check(z.string()), check(z.int())], ['0123', 83]);
});

test('places inside an included file are those of that file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-expand-'));
  writeFileSync(join(directory, 'part.yaml'), 'a: 1\nb:\n  c: x\n');
  const { tree, findings } = read('field: ${file:part.yaml}', {}, directory);
  assert.ok(tree);
  const inner = z.strictObject({ a: z.int(), b: z.strictObject({ c: z.int() }) });
  checkSection(z.strictObject({ field: inner }), { tree, path: [] }, findings);
  const said = findings.sorted('error').map(describeMistake);
  assert.deepEqual(said, ['part.yaml:3:3 field.b.c: expected a number, got "x"']);
});
