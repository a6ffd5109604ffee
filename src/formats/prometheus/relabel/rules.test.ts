import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Naming } from './label-name.ts';
import { RelabelRules } from './rules.ts';
import { ACTIONS, checkRules, rulesSettings } from './settings.ts';

type Rule = Record<string, unknown>;
type Labels = Record<string, string>;

function schema(naming: Naming = 'utf8') {
  return rulesSettings().superRefine((rules, context) => checkRules(rules, naming, context));
}

function relabel(labels: Labels, ...rules: Rule[]): Labels | undefined {
  const list = Object.entries(labels).map(([name, value]) => ({ name, value }));
  const result = new RelabelRules(schema().parse(rules), 'utf8').relabel(list);
  return result && Object.fromEntries(result.map(({ name, value }) => [name, value]));
}

/** The key and the message of the first mistake in a rule; empty when there is none. */
function mistake(rule: Rule, naming: Naming = 'utf8'): string {
  const issue = schema(naming).safeParse([rule]).error?.issues[0];
  return issue === undefined ? '' : `${issue.path.slice(1).join('.')}: ${issue.message}`;
}

test('REL-1: an explicit empty value differs from the default', () => {
  assert.deepEqual(schema().parse([{ target_label: 'b' }]), [
    {
      action: 'replace',
      separator: ';',
      regex: '(.*)',
      replacement: '$1',
      source_labels: [],
      modulus: 0n,
      target_label: 'b',
    },
  ]);
  const copy = { source_labels: ['a'], target_label: 'b' };
  assert.deepEqual(relabel({ a: 'x' }, copy), { a: 'x', b: 'x' });
  for (const regex of ['', null])
    assert.deepEqual(relabel({ a: 'x' }, { ...copy, regex }), { a: 'x' });
  assert.deepEqual(relabel({ a: 'x', b: 'y' }, { ...copy, replacement: '' }), { a: 'x' });
  const joined = { ...copy, source_labels: ['a', 'a'] };
  assert.equal(relabel({ a: 'x' }, joined)?.['b'], 'x;x');
  assert.equal(relabel({ a: 'x' }, { ...joined, separator: '' })?.['b'], 'xx');
});

test('REL-1: numbers and words of YAML are text, but not numbers that were changed by reading', () => {
  const rule = { target_label: 'b', replacement: 1 };
  assert.deepEqual(relabel({ a: 'x' }, rule), { a: 'x', b: '1' });
  assert.equal(relabel({}, { ...rule, replacement: true })?.['b'], 'true');
  assert.match(
    mistake({ ...rule, replacement: 1.5 }),
    /^replacement: 1.5 is a number; write it in/,
  );
});

test('REL-2: actions are known in any case, and nothing else is', () => {
  for (const action of ACTIONS) {
    assert.doesNotMatch(mistake({ action: action.toUpperCase() }), /^action/);
  }
  assert.match(
    mistake({ action: 'relable' }),
    /^action: "relable" is no action; allowed: replace,/,
  );
  assert.match(mistake({ target_label: 'a', target: 'b' }), /target/);
});

test('REL-3: expressions are RE2, about all of the value', () => {
  for (const regex of ['(?<=a)b', '(?=a)', '(a)\\1', 'a{1001}', '('])
    assert.match(mistake({ action: 'keep', regex }), /^regex: ".*" is no valid RE2 expression: /);
  const keep = (regex: string) =>
    relabel({ a: 'foo\nbar' }, { action: 'keep', source_labels: ['a'], regex });
  assert.equal(keep('foo'), undefined);
  assert.equal(keep('foo|bar'), undefined);
  assert.ok(keep('foo.bar'));
});

test('REL-3: an expression that would take ages elsewhere takes its time by the length', () => {
  const value = `${'a'.repeat(20_000)}bc`;
  const rule = { action: 'keep', source_labels: ['a'], regex: '(a*)*(a|aa)+b' };
  const start = performance.now();
  assert.equal(relabel({ a: value }, rule), undefined);
  assert.ok(performance.now() - start < 5000);
});

test('REL-4: values are joined, and a label that is missing is empty', () => {
  const rule = { source_labels: ['a', 'none', 'b'], target_label: 'c' };
  assert.equal(relabel({ a: '1', b: '2' }, rule)?.['c'], '1;;2');
});

test('REL-5: replace sets, deletes, or does nothing', () => {
  const rule = { source_labels: ['a'], regex: 'x(.*)', target_label: 'b' };
  assert.deepEqual(relabel({ a: 'y', b: 'old' }, rule), { a: 'y', b: 'old' });
  assert.deepEqual(relabel({ a: 'x', b: 'old' }, rule), { a: 'x' });
  assert.deepEqual(relabel({ a: 'xy', b: 'old' }, rule), { a: 'xy', b: 'y' });
  assert.deepEqual(relabel({ a: 'x' }, { ...rule, target_label: '$1' }), { a: 'x' });
});

test('REL-6: a reference is as long as it can be, and others are text', () => {
  const f = (replacement: string, expected: string | undefined, regex = '(?P<n>f)(z)?(.*)') => {
    const rule = { source_labels: ['a'], regex, target_label: 'b', replacement };
    assert.equal(relabel({ a: 'foo' }, rule)?.['b'], expected, replacement);
  };
  f('$1$3', 'foo');
  f('${1}x', 'fx');
  f('$1x', undefined);
  f('-$2-', '--');
  f('$n|${n}|$0', 'f|f|foo');
  f('$$1 $$$1', '$1 $f');
  f("$&$`$'$<n>$", "$&$`$'$<n>$");
  f('${n', '${n');
  f('${}', '${}');
  f('[$é]', '[]');
  f('[$4][$999999999999]', '[][]');
});

test('REL-7: keep, drop, keepequal and dropequal', () => {
  const on = { source_labels: ['a'], regex: 'x' };
  assert.ok(relabel({ a: 'x' }, { ...on, action: 'keep' }));
  assert.equal(relabel({ a: 'xx' }, { ...on, action: 'keep' }), undefined);
  assert.equal(relabel({ a: 'x' }, { ...on, action: 'drop' }), undefined);
  assert.ok(relabel({ a: 'xx' }, { ...on, action: 'drop' }));
  const equal = { source_labels: ['a'], target_label: 'b' };
  assert.equal(relabel({ a: 'x' }, { ...equal, action: 'keepequal' }), undefined);
  assert.ok(relabel({ a: 'x', b: 'x' }, { ...equal, action: 'keepequal' }));
  assert.equal(relabel({ a: 'x', b: 'x' }, { ...equal, action: 'dropequal' }), undefined);
});

test('REL-8: hashmod is exact up to the largest modulus', () => {
  const rule = { action: 'hashmod', source_labels: ['a'], target_label: 'h' };
  const f = (modulus: unknown) => relabel({ a: 'foo' }, { ...rule, modulus })?.['h'];
  assert.deepEqual(
    [f(1000), f('1000'), f('18446744073709551615')],
    ['696', '696', '17145033699835028696'],
  );
  assert.match(mistake({ ...rule, modulus: '18446744073709551616' }), /^modulus: .*below 2\^64/);
  assert.match(mistake({ ...rule, modulus: 2 ** 60 }), /^modulus: .*in quotes/);
  assert.match(mistake({ ...rule, modulus: -1 }), /^modulus: /);
  assert.match(mistake({ ...rule, modulus: 1.5 }), /^modulus: /);
});

test('REL-9: labelmap maps what was there before it, later names win', () => {
  const rule = { action: 'labelmap', regex: '[xyz]_(.+)' };
  const labels = { x_a: '1', y_a: '2', a: '0', z_z_q: '3' };
  assert.deepEqual(relabel(labels, rule), { ...labels, a: '2', z_q: '3' });
  // A label that was set stands behind those that were not.
  const set = { target_label: 'x_a', replacement: 'set' };
  assert.equal(relabel(labels, set, rule)?.['a'], 'set');
  const odd = { action: 'labelmap', regex: 'a', replacement: 'not-a name' };
  assert.equal(relabel({ a: '1' }, odd)?.['not-a name'], '1');
});

test('REL-10: labeldrop and labelkeep look at every name, that of the metric too', () => {
  const labels = { __name__: 'up', a: '1', ab: '2' };
  assert.deepEqual(relabel(labels, { action: 'labeldrop', regex: 'a' }), {
    __name__: 'up',
    ab: '2',
  });
  assert.deepEqual(relabel(labels, { action: 'labelkeep', regex: 'a.?' }), { a: '1', ab: '2' });
});

test('REL-11: lowercase and uppercase go letter by letter, and nothing deletes', () => {
  const f = (action: string, a: string) =>
    relabel({ a, b: 'old' }, { action, source_labels: ['a'], target_label: 'b' })?.['b'];
  assert.deepEqual([f('uppercase', 'aß'), f('lowercase', 'ÀİΣ')], ['Aß', 'àiσ']);
  assert.equal(f('uppercase', 'ᾳᾀ'), 'ᾼᾈ');
  assert.equal(f('uppercase', ''), undefined);
});

test('REL-12: rules that cannot work are mistakes, each with its key', () => {
  const f = (rule: Rule, expected: RegExp) => assert.match(mistake(rule), expected);
  const target = { target_label: 'b' };
  f({ action: '' }, /^action: must not be empty/);
  f({ action: 'hashmod', ...target }, /^modulus: is required/);
  for (const action of ['replace', 'lowercase', 'uppercase', 'keepequal', 'dropequal'])
    f({ action }, /^target_label: is required for the action/);
  f({ action: 'hashmod', modulus: 1 }, /^target_label: is required/);
  for (const action of ['lowercase', 'uppercase', 'keepequal', 'dropequal'])
    f({ action, ...target, replacement: 'x' }, /^replacement: has no effect on the action/);
  for (const extra of [{ regex: 'x' }, { modulus: 1 }, { separator: '' }])
    f({ action: 'keepequal', ...target, ...extra }, /: has no effect on the action keepequal/);
  for (const extra of [{ source_labels: ['a'] }, target, { replacement: '' }, { separator: '-' }])
    f({ action: 'labeldrop', regex: 'x', ...extra }, /: has no effect on the action labeldrop/);
  f({ action: 'labelmap', replacement: '' }, /^replacement: "" cannot be the name/);
  f({ source_labels: [''], ...target }, /^source_labels: "" cannot be the name/);
});

test('REL-12: a key that is set to its default is no mistake', () => {
  assert.equal(mistake({ action: 'labeldrop', regex: 'x', replacement: '$1', separator: ';' }), '');
  assert.equal(mistake({ action: 'keepequal', target_label: 'b', regex: '(.*)', modulus: 0 }), '');
});

test('REL-13: names by either scheme', () => {
  const f = (name: string, naming: Naming) => mistake({ target_label: name }, naming) === '';
  for (const name of ['label${1}', '${1}', '$1', 'asd$2asd', '_${1}_', 'foo${bar}foo', '_a1'])
    assert.ok(f(name, 'legacy'), name);
  for (const name of ['-label', '${', '$', '${}', 'foo${', 'bar.foo${1}bar', '1a', 'a.b', 'a$'])
    assert.ok(!f(name, 'legacy'), name);
  for (const name of ['a.b', '1a', 'ü', '-$1']) assert.ok(f(name, 'utf8'), name);
  assert.ok(!f('\ud800', 'utf8'));
  assert.match(
    mistake({ target_label: 'a.b' }, 'legacy'),
    /use letters, digits and _, or naming: utf8/,
  );
});

test('REL-14: rules run in order until one drops', () => {
  const set = (replacement: string) => ({ target_label: 'a', replacement });
  const drop = { action: 'drop', source_labels: ['a'], regex: 'x' };
  assert.equal(relabel({}, set('x'), drop), undefined);
  assert.deepEqual(relabel({}, drop, set('x')), { a: 'x' });
  assert.deepEqual(
    relabel({ a: '', b: '1' }, { action: 'labelmap', regex: '(a)', replacement: 'c' }),
    { b: '1' },
  );
});

test('an explanation says what each rule added, changed and removed, and which dropped', () => {
  const rules = schema().parse([
    { source_labels: ['a'], target_label: 'b', replacement: 'new' },
    { target_label: 'a', replacement: 'changed' },
    { action: 'labeldrop', regex: 'c' },
    { action: 'drop', source_labels: ['b'], regex: 'new' },
    { action: 'labeldrop', regex: '.*' },
  ]);
  const labels = [
    { name: 'c', value: '3' },
    { name: 'a', value: '1' },
  ];
  const { before, steps, after } = new RelabelRules(rules, 'utf8').explain(labels);
  assert.deepEqual(
    before.map(({ name }) => name),
    ['a', 'c'],
  );
  assert.equal(after, undefined);
  assert.deepEqual(
    steps.map(({ index, added, changed, removed, dropped }) => ({
      index,
      added,
      changed,
      removed,
      dropped,
    })),
    [
      { index: 0, added: [{ name: 'b', value: 'new' }], changed: [], removed: [], dropped: false },
      {
        index: 1,
        added: [],
        changed: [{ name: 'a', before: '1', after: 'changed' }],
        removed: [],
        dropped: false,
      },
      { index: 2, added: [], changed: [], removed: [{ name: 'c', value: '3' }], dropped: false },
      { index: 3, added: [], changed: [], removed: [], dropped: true },
    ],
  );
});
