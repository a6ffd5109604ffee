import { isValidUtf8 } from '../../../../wire/utf8.ts';
import { LineError } from '../scrape-error.ts';
import { behindBlanks, endOfName, unescape } from './series-text.ts';

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export type Keyword = 'HELP' | 'TYPE' | 'UNIT';

/** A comment that says something of a family, taken apart. */
export interface CommentLine {
  readonly keyword: Keyword;
  /** Of the family. */
  readonly name: string;
  /** As it is in the page, with its escapes. */
  readonly text: Uint8Array;
  /** Where the line begins. */
  readonly at: number;
}

/**
 * Reads `# HELP name text` or `# TYPE name word` of text 0.0.4 and 1.0.0, with any blanks; all
 * else is a remark and undefined. Throws `LineError`.
 */
export function readComment(page: Uint8Array, start: number, end: number): CommentLine | undefined {
  const at = behindBlanks(page, start + 1);
  if (at === start + 1) return undefined;
  const keyword = (['HELP', 'TYPE'] as const).find((word) => isWord(page, at, word));
  const behind = page[at + 4];
  if (keyword === undefined || (behind !== SPACE && behind !== TAB)) return undefined;
  const [name, nameEnd] = readName(page, behindBlanks(page, at + 4), end);
  return { keyword, name, text: page.subarray(Math.min(nameEnd + 1, end), end), at: start };
}

/** Reads the same and UNIT, of OpenMetrics: one space everywhere, and no remarks. */
export function readStrictComment(page: Uint8Array, start: number, end: number): CommentLine {
  const keyword = (['HELP', 'TYPE', 'UNIT'] as const).find((word) => isWord(page, start + 2, word));
  if (page[start + 1] !== SPACE || keyword === undefined || page[start + 6] !== SPACE)
    throw new LineError('expected HELP, TYPE, UNIT or EOF behind #', start);
  const [name, nameEnd] = readName(page, start + 7, end);
  if (page[nameEnd] !== SPACE) throw new LineError(`expected text behind ${keyword}`, nameEnd);
  return { keyword, name, text: page.subarray(nameEnd + 1, end), at: start };
}

/** Whether a text without terminator is at `start`. */
export function isWord(page: Uint8Array, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (page[start + i] !== word.charCodeAt(i)) return false;
  return true;
}

function readName(page: Uint8Array, start: number, end: number): [name: string, end: number] {
  if (page[start] !== QUOTE) {
    const nameEnd = endOfName(page, start);
    if (nameEnd === start) throw new LineError('expected the name of a metric', start);
    return [decoder.decode(page.subarray(start, nameEnd)), nameEnd];
  }
  let at = start + 1;
  while (at < end && page[at] !== QUOTE) at += page[at] === BACKSLASH ? 2 : 1;
  if (at >= end) throw new LineError('a quote is not closed', start);
  const name = unescape(page, start + 1, at);
  if (!isValidUtf8(name, 0, name.length)) throw new LineError('a name is not UTF-8', start);
  return [decoder.decode(name), at + 1];
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
