import assert from 'node:assert/strict';
import { globSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { registry } from '../src/registry.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = globSync('**/*.ts', { cwd: src }).filter(
  (file) => !/^(?:wire|formats\/prometheus|net\/codec)\/kernel\//.test(file),
);
const sources = files.filter((file) => !file.endsWith('.test.ts'));

/** Folder to floor; the longest prefix counts. Files directly in src/ are the entry floor. */
const FLOORS: readonly (readonly [string, number])[] = [
  ['wire', 0],
  ['contract', 1],
  ['net', 2],
  ['formats', 2],
  ['components', 3],
  ['engine', 4],
  ['cli', 5],
  ['', 5],
];

/** Engine rooms from left to right: a room may import the rooms behind it. */
const ENGINE_ORDER = [
  'supervisor',
  'generation',
  'shard',
  'admission',
  'pipeline',
  'delivery',
  'queue',
];
/** Rooms every engine room may use. */
const ENGINE_SHARED = ['config', 'telemetry'];

const MAX_LINES = 300;

function floorOf(file: string): number {
  return FLOORS.find(([prefix]) => prefix === '' || file.startsWith(`${prefix}/`))?.[1] ?? 5;
}

/** The room of a file: what may not be crossed sideways on one floor. */
function roomOf(file: string): string {
  const parts = file.split('/');
  if (parts[0] === 'components') return parts.slice(0, 3).join('/');
  if (parts[0] === 'engine') return parts.slice(0, 2).join('/');
  return parts[0] ?? '';
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map((match) => posix.join(posix.dirname(file), match[1] ?? ''));
}

function engineMayImport(from: string, to: string): boolean {
  const [, source = ''] = from.split('/');
  const [, target = ''] = to.split('/');
  if (ENGINE_SHARED.includes(target) || source === target) return true;
  if (source === 'supervisor' && target === 'admin') return true;
  const left = ENGINE_ORDER.indexOf(source);
  const right = ENGINE_ORDER.indexOf(target);
  return left >= 0 && right > left;
}

test('imports go down the floors, and rooms of one floor do not know each other', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const target of importsOf(file)) {
      const [from, to] = [floorOf(file), floorOf(target)];
      const sameRoom = roomOf(file) === roomOf(target);
      const allowed =
        from > to ||
        sameRoom ||
        (from === 5 && to === 5) ||
        (from === 4 && to === 4 && engineMayImport(file, target));
      if (!allowed) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('the engine knows no component, and only the registry names their modules', () => {
  const wrong = sources.flatMap((file) =>
    file === 'registry.ts' || file.startsWith('components/')
      ? []
      : importsOf(file)
          .filter((target) => target.startsWith('components/') || target === 'registry.ts')
          .filter((target) => !(target === 'registry.ts' && floorOf(file) === 5))
          .map((target) => `${file} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('no file imports itself by a detour', () => {
  const graph = new Map(sources.map((file) => [file, importsOf(file)]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    assert.equal(at, -1, `circle: ${[...path.slice(at), file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
});

test('a component is a folder, a registry key and a type of the same name', async () => {
  for (const kind of ['receivers', 'processors', 'exporters', 'extensions'] as const) {
    const folders = readdirSync(join(src, 'components', kind)).sort();
    assert.deepEqual(Object.keys(registry[kind]).sort(), folders, kind);
    for (const [key, load] of Object.entries(registry[kind])) {
      assert.equal((await load()).default.type, key);
      const inside = readdirSync(join(src, 'components', kind, key));
      for (const wanted of ['index.ts', 'settings.ts', 'README.md']) {
        assert.ok(inside.includes(wanted), `${kind}/${key} has a ${wanted}`);
      }
    }
  }
});

test(`no file is longer than ${MAX_LINES} lines without saying why in its first comment`, () => {
  const wrong = sources.filter((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    return text.split('\n').length > MAX_LINES + 1 && !/^\/\*\*[^]*?length:/i.test(text);
  });
  assert.deepEqual(wrong, []);
});

test('no folder holds more than twelve files, tests aside', () => {
  const counts = new Map<string, number>();
  for (const file of sources) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  assert.deepEqual(
    [...counts].filter(([, count]) => count > 12),
    [],
  );
});

test('names say the thing', () => {
  const forbidden = /(^|[-/])(util|utils|helper|helpers|common|misc|base|impl|manager)([-./]|$)/;
  assert.deepEqual(
    files.filter((file) => forbidden.test(relative('.', file))),
    [],
  );
});
