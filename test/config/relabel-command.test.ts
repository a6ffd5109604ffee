import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseLabels } from '../../src/cli/label-text.ts';
import { program } from '../../src/cli/program.ts';
import { registry } from '../../src/registry.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-relabel-'));

function write(name: string, ids: string, processors: string): string {
  const path = join(directory, name);
  const text = `receivers: {otlp: {protocols: {grpc: }}}
processors:
${processors}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [otlp], processors: [${ids}], exporters: [debug]}}}
`;
  writeFileSync(path, text);
  return path;
}

const ONE = write(
  'one.yaml',
  'relabel',
  `  relabel:
    rules:
      - {source_labels: [job], regex: 'a(.*)', target_label: job, replacement: 'b$\${1}'}
      - {target_label: env, replacement: prod}
      - {action: labeldrop, regex: 'tmp|gone'}
      - {action: hashmod, source_labels: [job], modulus: '18446744073709551615', target_label: h}
    tenants:
      acme:
        - {action: drop, source_labels: [job], regex: bpi}
        - {action: labelkeep, regex: none}`,
);
const TWO = write(
  'two.yaml',
  'relabel/a, relabel/b',
  `  relabel/a: {rules: [{target_label: a, replacement: x}]}
  relabel/b: {rules: [{action: labeldrop, regex: __name__}]}`,
);
const NONE = write('none.yaml', 'batch', '  batch:');

async function millrace(config: string, ...words: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await program(['relabel', '--config', config, ...words], {
    registry,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('relabel shows rule by rule what was added, changed and removed', async () => {
  const { code, out, err } = await millrace(ONE, '--labels', 'up{job="api", tmp="1"}');
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(out.split('\n'), [
    'relabel, tenant default',
    '',
    'before  {__name__="up", job="api", tmp="1"}',
    '',
    'rules[0]  replace source_labels=["job"] regex="a(.*)" target_label="job" replacement="b${1}"',
    '    ~ job="api" -> "bpi"',
    'rules[1]  replace target_label="env" replacement="prod"',
    '    + env="prod"',
    'rules[2]  labeldrop regex="tmp|gone"',
    '    - tmp="1"',
    'rules[3]  hashmod source_labels=["job"] modulus="18446744073709551615" target_label="h"',
    '    + h="1048171036377722195"',
    '',
    'after   {__name__="up", env="prod", h="1048171036377722195", job="bpi"}',
  ]);
});

test('relabel shows where a series was dropped, with the rules of a tenant', async () => {
  const { code, out } = await millrace(ONE, '--labels', 'up{job="api"}', '--tenant', 'acme');
  assert.equal(code, 0);
  const lines = out.split('\n');
  assert.deepEqual(lines.slice(-4), [
    'tenants.acme[0]  drop source_labels=["job"] regex="bpi"',
    '    dropped here',
    '',
    'dropped by tenants.acme[0]',
  ]);
  assert.match(out, /\nrules\[2\].*\n {4}nothing changed\n/);
});

test('relabel answers as JSON, too', async () => {
  const words = [
    '--labels',
    '{"__name__":"up","job":"api"}',
    '--tenant',
    'acme',
    '--format',
    'json',
  ];
  const { out } = await millrace(ONE, ...words);
  const story = JSON.parse(out);
  assert.deepEqual(
    [story.processor, story.tenant, story.before, story.after, story.dropped],
    ['relabel', 'acme', { __name__: 'up', job: 'api' }, null, 'relabel'],
  );
  assert.deepEqual(story.steps[0], {
    place: 'rules[0]',
    rule: {
      source_labels: ['job'],
      regex: 'a(.*)',
      target_label: 'job',
      replacement: 'b${1}',
      action: 'replace',
    },
    added: {},
    changed: { job: { before: 'api', after: 'bpi' } },
    removed: {},
    dropped: false,
  });
  assert.deepEqual(story.steps.at(-1).dropped, true);
});

test('relabel says when a series is left without a name', async () => {
  const { out } = await millrace(TWO, '--labels', 'up', '--processor', 'relabel/b');
  assert.match(out, /dropped: a series needs a name, and __name__ is gone$/);
});

test('relabel asks which processor when there are several, and says when there is none', async () => {
  const f = async (config: string, words: string[], expected: RegExp) => {
    const { code, out, err } = await millrace(config, ...words);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, expected);
  };
  await f(TWO, ['--labels', 'up'], /write --processor with one of relabel\/a, relabel\/b/);
  const other = ['--labels', 'up', '--processor', 'relabel/c'];
  await f(TWO, other, /no relabel processor "relabel\/c"; there is relabel\/a, relabel\/b/);
  await f(NONE, ['--labels', 'up'], /no pipeline has a relabel processor/);
  await f(ONE, [], /no labels are given; write --labels/);
  await f(ONE, ['--labels', '{job=api}'], /expected a value in double quotes at "api}"/);
});

test('labels are read as people write them', () => {
  const f = (text: string, expected: Record<string, string>) => {
    const labels = parseLabels(text).map(({ name, value }) => [name, value]);
    assert.deepEqual(Object.fromEntries(labels), expected, text);
  };
  f('{}', {});
  f('up', { __name__: 'up' });
  f(' up { } ', { __name__: 'up' });
  f('{"my.metric", a="1" , }', { __name__: 'my.metric', a: '1' });
  f('{"my.label"="x", resource.host="h"}', { 'my.label': 'x', 'resource.host': 'h' });
  f('{a="q\\"b\\\\c\\nd, }"}', { a: 'q"b\\c\nd, }' });
  f('{"a": "x"}', { a: 'x' });
  for (const text of [
    '',
    '{',
    '{a}',
    '{a="x"',
    '{a="x"}b',
    '{a="x" b="y"}',
    "{a='x'}",
    '{"a": 1}',
    '[1]',
    '{"a',
  ])
    assert.throws(() => parseLabels(text), /--labels: /, text);
});
