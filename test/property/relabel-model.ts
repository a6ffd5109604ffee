import { createHash } from 'node:crypto';

/** A rule as the keys of Prometheus say it, defaults written out. */
export interface ModelRule {
  readonly source_labels: readonly string[];
  readonly separator: string;
  readonly regex: string;
  readonly modulus: number;
  readonly target_label: string;
  readonly replacement: string;
  readonly action: string;
}

type Labels = Readonly<Record<string, string>>;

/**
 * The rules of Prometheus the obvious way: one list, no memory, JavaScript's own expressions. It
 * is right for expressions that mean the same there, which are those the tests make.
 */
export function relabelByTheBook(labels: Labels, rules: readonly ModelRule[]): Labels | undefined {
  let kept = Object.entries(labels)
    .filter(([, value]) => value !== '')
    .toSorted(byName);
  const set: [string, string][] = [];
  const all = () => [...kept, ...set];
  const get = (name: string) => all().find(([each]) => each === name)?.[1] ?? '';
  const remove = (name: string) => {
    kept = kept.filter(([each]) => each !== name);
    const at = set.findIndex(([each]) => each === name);
    if (at >= 0) set.splice(at, 1);
  };
  const put = (name: string, value: string) => {
    if (value === '') return remove(name);
    kept = kept.filter(([each]) => each !== name);
    const at = set.findIndex(([each]) => each === name);
    set.splice(at < 0 ? set.length : at, 1, [name, value]);
  };
  for (const rule of rules) {
    const value = rule.source_labels.map(get).join(rule.separator);
    const regex = new RegExp(`^(?:${rule.regex})$`, 'su');
    const { target_label: target, replacement } = rule;
    const [matches, same] = [regex.test(value), get(target) === value];
    switch (rule.action) {
      case 'keep':
        if (!matches) return undefined;
        break;
      case 'drop':
        if (matches) return undefined;
        break;
      case 'keepequal':
        if (!same) return undefined;
        break;
      case 'dropequal':
        if (same) return undefined;
        break;
      case 'replace': {
        const groups = regex.exec(value);
        const name = groups === null ? '' : expand(target, groups);
        if (groups !== null && name !== '') put(name, expand(replacement, groups));
        break;
      }
      case 'hashmod':
        put(target, hashOf(value, rule.modulus));
        break;
      case 'lowercase':
        put(target, value.toLowerCase());
        break;
      case 'uppercase':
        put(target, value.toUpperCase());
        break;
      case 'labelmap':
        for (const [name, each] of all()) {
          const groups = regex.exec(name);
          const mapped = groups === null ? '' : expand(replacement, groups);
          if (mapped !== '') put(mapped, each);
        }
        break;
      case 'labeldrop':
      case 'labelkeep':
        for (const [name] of all())
          if (regex.test(name) === (rule.action === 'labeldrop')) remove(name);
        break;
      default:
        throw new Error(`no such action: ${rule.action}`);
    }
  }
  return Object.fromEntries(all());
}

function byName([left]: readonly [string, string], [right]: readonly [string, string]): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function hashOf(value: string, modulus: number): string {
  const hex = createHash('md5').update(value).digest('hex').slice(16);
  return String(BigInt(`0x${hex}`) % BigInt(modulus));
}

/** Letter by letter, as the rules of Go read. */
function expand(template: string, groups: RegExpExecArray): string {
  let text = '';
  for (let at = 0; at < template.length; ) {
    if (template[at] !== '$') {
      text += template[at++];
      continue;
    }
    at++;
    if (template[at] === '$') {
      text += '$';
      at++;
      continue;
    }
    const isBraced = template[at] === '{';
    let end = isBraced ? at + 1 : at;
    const start = end;
    while (end < template.length && /[A-Za-z0-9_]/.test(template[end]!)) end++;
    const name = template.slice(start, end);
    if (name === '' || (isBraced && template[end] !== '}')) {
      text += '$';
      continue;
    }
    at = isBraced ? end + 1 : end;
    const isNumber = String(Number(name)) === name;
    text += (isNumber ? groups[Number(name)] : groups.groups?.[name]) ?? '';
  }
  return text;
}
