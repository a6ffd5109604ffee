import type { Groups } from './template.ts';

/** An expression that is about whole texts and needs no automaton. */
export interface Shape {
  test(text: string): boolean;
  match(text: string): Groups | undefined;
}

/**
 * The shape of an expression when it is one of those below, alone or in alternation, all of it
 * perhaps in a group; undefined otherwise. `word` is text without operators, perhaps none.
 *
 *     word    word.*word    word.+word    .*word.*
 *
 * A `.*` or `.+` that stands alone may be in a group.
 */
export function findShape(source: string): Shape | undefined {
  const single = findGlob(source);
  if (single !== undefined) return single;
  const outer = /^(\((?:\?:)?)([^()]*)\)$/.exec(source);
  const alternatives = (outer?.[2] ?? source).split('|');
  if (outer === null && /[()]/.test(source)) return undefined;
  // A backslash in front of the bar would have made it part of a word.
  if (alternatives.some((each) => /(^|[^\\])(\\\\)*\\$/.test(each))) return undefined;
  const inner = alternatives.map(findGlob);
  if (!inner.every((each) => each !== undefined)) return undefined;
  const words = alternatives.map(wordOf);
  const test = words.every((word) => word !== undefined) ? testOfWords(words) : testOfAny(inner);
  const groups = outer?.[1] === '(' ? 2 : 1;
  return { test, match: (text) => (test(text) ? Array<string>(groups).fill(text) : undefined) };
}

function testOfWords(words: readonly string[]): (text: string) => boolean {
  const set = new Set(words);
  return (text) => set.has(text);
}

function testOfAny(shapes: readonly Shape[]): (text: string) => boolean {
  return (text) => shapes.some((shape) => shape.test(text));
}

/** `\.` is a dot; a letter or digit behind the backslash means something else. */
const WORD = String.raw`(?:[^\\.+*?()[\]{}|^$]|\\[!-/:-@[-\x60{-~])*`;
const IS_WORD = new RegExp(`^${WORD}$`, 'su');
const GLOB = new RegExp(`^(${WORD})(\\.[*+]|\\(\\.[*+]\\))(${WORD})$`, 'su');
const INSIDE = new RegExp(`^\\.\\*(${WORD})\\.\\*$`, 'su');

function wordOf(source: string): string | undefined {
  return IS_WORD.test(source) ? source.replaceAll(/\\(.)/gsu, '$1') : undefined;
}

function findGlob(source: string): Shape | undefined {
  const word = wordOf(source);
  if (word !== undefined) {
    return {
      test: (text) => text === word,
      match: (text) => (text === word ? [text] : undefined),
    };
  }
  const inside = wordOf(INSIDE.exec(source)?.[1] ?? '.');
  if (inside !== undefined) {
    const test = (text: string) => text.includes(inside);
    return { test, match: (text) => (test(text) ? [text] : undefined) };
  }
  const glob = GLOB.exec(source);
  if (glob === null) return undefined;
  const [prefix, suffix] = [wordOf(glob[1]!)!, wordOf(glob[3]!)!];
  return globOf(prefix, suffix, glob[2]!);
}

function globOf(prefix: string, suffix: string, wildcard: string): Shape {
  const least = prefix.length + suffix.length + (wildcard.includes('+') ? 1 : 0);
  const isGroup = wildcard.startsWith('(');
  const test = (text: string) =>
    text.length >= least && text.startsWith(prefix) && text.endsWith(suffix);
  return {
    test,
    match: (text) => {
      if (!test(text)) return undefined;
      if (!isGroup) return [text];
      return [text, text.slice(prefix.length, text.length - suffix.length)];
    },
  };
}
