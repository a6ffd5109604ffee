/** Groups of a match; the first is all of it, and those that took no part are undefined. */
export type Groups = readonly (string | undefined)[];

/**
 * A text with references to the groups of a match, with the rules of Go: `$name` and `${name}`
 * where the name is as long as it can be, `$$` for one `$`, and a `$` that begins no reference is
 * itself. A reference to no group, or to one that took no part, is empty.
 */
export class Template {
  /** The text when it refers to nothing, `$` and `$$` included. */
  readonly constant: string | undefined;
  /** The number of the group when the text is a reference to it and nothing else. */
  readonly onlyGroup: number | undefined;
  // Texts, and between them the indexes of groups.
  readonly #parts: readonly (string | number)[];

  /** `groupNames` by index, empty for the whole match and for unnamed groups. */
  constructor(source: string, groupNames: readonly string[]) {
    this.#parts = parse(source, groupNames);
    const [first, ...others] = this.#parts;
    const single = others.length === 0;
    if (first === undefined) this.constant = '';
    else if (single && typeof first === 'string') this.constant = first;
    else if (single && typeof first === 'number') this.onlyGroup = first;
  }

  expand(groups: Groups): string {
    if (this.constant !== undefined) return this.constant;
    let text = '';
    for (const part of this.#parts) text += typeof part === 'string' ? part : (groups[part] ?? '');
    return text;
  }
}

/** Whether a text refers to a group, or looks as if it did. */
export function hasReference(source: string): boolean {
  return source.includes('$');
}

const REFERENCE = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu;

function parse(source: string, groupNames: readonly string[]): (string | number)[] {
  const parts: (string | number)[] = [];
  let text = '';
  let end = 0;
  for (const match of source.matchAll(REFERENCE)) {
    text += source.slice(end, match.index);
    end = match.index + match[0].length;
    const name = match[1] ?? match[2];
    if (name === undefined) {
      text += '$';
      continue;
    }
    const group = groupOf(name, groupNames);
    if (group === undefined) continue;
    if (text !== '') parts.push(text);
    text = '';
    parts.push(group);
  }
  text += source.slice(end);
  if (text !== '') parts.push(text);
  return parts;
}

/** Index of a group by number or name; undefined when there is none. */
function groupOf(name: string, groupNames: readonly string[]): number | undefined {
  const isNumber = /^(0|[1-9][0-9]{0,8})$/.test(name);
  const index = isNumber ? Number(name) : groupNames.indexOf(name);
  return index >= 0 && index < groupNames.length ? index : undefined;
}
