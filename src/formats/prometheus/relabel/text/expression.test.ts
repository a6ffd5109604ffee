import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RE2JS } from 're2js';
import { Expression } from './expression.ts';
import { Memo } from './memo.ts';

const SIMPLE = [
  '',
  'foo',
  'foo\\.bar',
  'foo|bar',
  '(foo|bar)',
  '(?:foo|b)',
  '.*',
  '(.*)',
  '.+',
  '(.+)',
]
  .concat([
    'foo.*',
    'foo(.*)',
    '(.*)bar',
    '.+bar',
    'f(.+)r',
    '.*o.*',
    '(foo.*|.*bar)',
    'foo|.*x.*',
    '\\_',
  ])
  .concat(['', '|', 'a|', '()', '(?:)', '.*.*', 'é.*', '(😀|a)', '\\$\\^', '.*\\|.*']);
const OTHER = [
  'f[o]o',
  'fo?',
  '(a)(b)',
  '(?i)foo',
  'a.b',
  '(.*)(.*)',
  'a(b|c)',
  '(a|(.*))',
  '\\d',
  '\\pL',
]
  .concat([
    'a{2}',
    '(?P<n>.*)',
    '^foo$',
    'f\\Qo\\Eo',
    'a)(b',
    '(?i)',
    'foo\\',
    'a**',
    '(.*)|b',
    '\\x41',
  ])
  .concat(['{', 'a{', '(.*)foo(.*)', '.*?', '.+?x', 'f\\|o|b']);
const TEXTS = [
  '',
  'foo',
  'bar',
  'foobar',
  'foo.bar',
  'fooxbar',
  'o',
  'fo',
  'a',
  'ab',
  'aa',
  'é',
  'éa',
  '😀',
].concat([
  '\n',
  'foo\n',
  '\nbar',
  'x',
  '$^',
  '|',
  'f|o',
  'b',
  '_',
  'A',
  'fr',
  'fxr',
  'FOO',
  '5',
  '{',
  'a{',
]);

test('what is recognised as words and wildcards answers as the whole expression would', () => {
  for (const source of [...SIMPLE, ...OTHER]) {
    let oracle: RE2JS;
    try {
      oracle = RE2JS.compile(`^(?s:${source})$`);
    } catch {
      assert.throws(() => new Expression(source));
      continue;
    }
    const expression = new Expression(source);
    for (const text of TEXTS) {
      const matcher = oracle.matcher(text);
      const groups = matcher.find()
        ? Array.from({ length: oracle.groupCount() + 1 }, (_, at) => matcher.group(at) ?? undefined)
        : undefined;
      const told = `${source} on ${JSON.stringify(text)}`;
      assert.deepEqual(expression.match(text), groups, told);
      assert.equal(expression.test(text), groups !== undefined, told);
    }
  }
});

test('the usual expressions need no automaton', () => {
  for (const source of SIMPLE) assert.ok(new Expression(source).isSimple, source);
});

test('what is remembered is bounded, and right', () => {
  let asked = 0;
  const memo = new Memo((text) => {
    asked++;
    return text.length;
  });
  assert.deepEqual([memo.get('abc'), memo.get('abc'), asked], [3, 3, 1]);
  const long = 'x'.repeat(1000);
  assert.deepEqual([memo.get(long), memo.get(long), asked], [1000, 1000, 3]);
  for (let index = 0; index < 10_000; index++)
    assert.equal(memo.get(`text ${index}`), `text ${index}`.length);
  assert.equal(memo.get('abc'), 3);
  assert.equal(asked, 10_004, 'what was not asked for lately is worked out again');
});
