import { suggestion, nearestName } from '../nearest.ts';
import { valueAt, type Plain } from '../source/tree.ts';
import { isSecret, keysAt, type JsonSchema } from './document.ts';

/** A zod issue, as far as it is read here. */
export interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly errors?: readonly (readonly Issue[])[];
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly inclusive?: boolean;
  readonly origin?: string;
}

/** What an issue is about. */
export interface Subject {
  readonly value: Plain;
  readonly document: JsonSchema;
  readonly alsoKnown: readonly string[];
}

/** One sentence about one setting. */
export interface Sentence {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

const SHOWN_LENGTH = 120;

/** An issue in our words: the offending value unless it is a secret, what is allowed, the nearest name. */
export function describeIssue(issue: Issue, subject: Subject): readonly Sentence[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(subject.document, path);
    const all = path.length === 0 ? [...known, ...subject.alsoKnown] : known;
    return (issue.keys ?? []).map((key) => ({
      path: [...path, key],
      message:
        all.length === 0
          ? 'unknown key; no keys are allowed here'
          : `unknown key; ${suggestion(key, all)}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue, subject.value);
    if (branch !== undefined) {
      return branch.flatMap((inner) =>
        describeIssue({ ...inner, path: [...path, ...inner.path] }, subject),
      );
    }
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: lower(issue.message) }];
  }
  return [{ path, message: sentenceOf(issue, subject) }];
}

function sentenceOf(issue: Issue, subject: Subject): string {
  const value = valueAt(subject.value, issue.path);
  const secret = isSecret(subject.document, issue.path);
  const shown = secret ? '[redacted]' : show(value);
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return `is required (${expectation(issue)})`;
      return `expected ${expectation(issue)}, got ${shown}${remedy(issue, value, secret)}`;
    case 'invalid_value': {
      const allowed = (issue.values ?? []).map((one) => (one === '' ? '""' : String(one)));
      if (value === undefined) return `is required; allowed: ${allowed.join(', ')}`;
      const nearest = secret ? undefined : nearestName(show(value).replaceAll('"', ''), allowed);
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      return `${shown} is not allowed; allowed: ${allowed.join(', ')}${hint}`;
    }
    case 'too_small':
    case 'too_big':
      return withValue(bound(issue), shown, value);
    default: {
      const message = lower(issue.message.replace(/^Invalid input: /, ''));
      if (value === undefined && message.startsWith('expected ')) {
        return `is required (${message.slice('expected '.length)})`;
      }
      if (secret) return concealed(message, value);
      return withValue(message, shown, value);
    }
  }
}

function remedy(issue: Issue, value: Plain, secret: boolean): string {
  if (issue.expected !== 'string' || secret) return '';
  return typeof value === 'number' || typeof value === 'boolean' ? `; write "${value}"` : '';
}

function expectation(issue: Issue): string {
  const words: Readonly<Record<string, string>> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    string: 'a string',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  };
  return words[issue.expected ?? ''] ?? issue.expected ?? lower(issue.message);
}

function bound(issue: Issue): string {
  const least = issue.code === 'too_small';
  const limit = String(least ? issue.minimum : issue.maximum);
  if (issue.origin === 'string' || issue.origin === 'array') {
    const unit = issue.origin === 'string' ? 'characters' : 'entries';
    if (least && limit === '1') return 'must not be empty';
    return `must have at ${least ? 'least' : 'most'} ${limit} ${unit}`;
  }
  if (issue.inclusive === false) return `must be ${least ? 'more' : 'less'} than ${limit}`;
  return `must be at ${least ? 'least' : 'most'} ${limit}`;
}

/** Puts the value into a sentence that does not show it yet. */
function withValue(message: string, shown: string, value: Plain): string {
  if (value === undefined || value === null || typeof value === 'object') return message;
  const isShown =
    message.includes(JSON.stringify(String(value))) || message.startsWith(`${value} `);
  if (isShown || message.startsWith('retired:')) return withoutCredentials(message);
  if (/^(is|has|holds|does|names|contains|cannot) /.test(message)) return `${shown} ${message}`;
  return message.includes(';') ? `${shown}: ${message}` : `${message}, got ${shown}`;
}

/** A URL may carry a password in front of its host. */
function withoutCredentials(text: string): string {
  return text.replace(/(\/\/)[^/@\s"]*@/g, '$1[redacted]@');
}

function concealed(message: string, value: Plain): string {
  const text = typeof value === 'string' ? value : '';
  return text === '' ? message : message.replaceAll(text, '[redacted]');
}

/** The alternative the writer most likely meant: of the value's own type, with the fewest mistakes. */
function likeliestBranch(issue: Issue, value: Plain): readonly Issue[] | undefined {
  const branches = issue.errors ?? [];
  const at = valueAt(value, issue.path);
  const fitting = branches.filter(
    (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  if (fitting.length > 0 && typeof at === 'object') {
    return [...fitting].sort((a, b) => a.length - b.length)[0];
  }
  const onlyInvalid = issue.message === 'Invalid input';
  return onlyInvalid && branches.length > 0 ? unionOfTypes(branches) : undefined;
}

function unionOfTypes(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const firsts = branches.map((branch) => branch[0]);
  if (firsts.every((inner) => inner?.code === 'invalid_type' && inner.path.length === 0)) {
    const expected = firsts.map((inner) => expectation(inner as Issue)).join(' or ');
    return [{ code: 'invalid_type', path: [], message: '', expected }];
  }
  if (firsts.every((inner) => inner?.path.length === 0 && inner.values !== undefined)) {
    const values = firsts.flatMap((inner) => [...(inner?.values ?? [])]);
    return [{ code: 'invalid_value', path: [], message: '', values }];
  }
  return [...branches].sort((a, b) => a.length - b.length)[0];
}

function show(value: Plain): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  const safe = withoutCredentials(text);
  return safe.length > SHOWN_LENGTH ? `${safe.slice(0, SHOWN_LENGTH)}…"` : safe;
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
