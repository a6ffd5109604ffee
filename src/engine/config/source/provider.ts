import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where configuration text comes from besides the text itself. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly directory: string;
}

/** What a URI stands for. */
export interface Retrieved {
  /** Absent when there is nothing to go on with. */
  readonly text?: string;
  /** How its places are named in messages. */
  readonly name: string;
  /** Whether `text` has lines of its own that a message can point to. */
  readonly isFile: boolean;
  /** What is wrong with it, or worth a warning when there is a `text`. */
  readonly problem?: string;
}

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The text behind `file:PATH`, `env:NAME`, `env:NAME:-default` or `yaml:TEXT`. Without a scheme
 * it is what `bare` says. Never throws.
 */
export function readSource(uri: string, environment: Environment, bare: 'file' | 'env'): Retrieved {
  const { scheme, rest } = splitScheme(uri, bare);
  switch (scheme) {
    case 'file':
      return readFile(rest, environment);
    case 'env':
      return readVariable(rest, environment);
    case 'yaml':
      return { text: rest, name: 'yaml', isFile: false };
    case 'http':
    case 'https':
      return nothing(
        uri,
        `cannot read ${scheme}: configuration is not fetched over the network; download it and give the path`,
      );
    default:
      return nothing(
        uri,
        `cannot read "${scheme}:": unknown scheme; allowed: env, file, yaml (write $$ for a dollar sign as it stands)`,
      );
  }
}

function splitScheme(uri: string, bare: 'file' | 'env'): { scheme: string; rest: string } {
  const match = /^([A-Za-z][A-Za-z0-9+.-]+):([^]*)$/.exec(uri);
  const [, scheme, rest] = match ?? [];
  if (scheme === undefined || rest === undefined) return { scheme: bare, rest: uri };
  const isDefault = bare === 'env' && rest.startsWith('-') && NAME.test(scheme);
  return isDefault ? { scheme: 'env', rest: uri } : { scheme, rest };
}

function readFile(path: string, environment: Environment): Retrieved {
  try {
    const text = readFileSync(resolve(environment.directory, path), 'utf8');
    return { text: text.replace(/^\uFEFF/, ''), name: path, isFile: true };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = code === 'ENOENT' ? 'there is no such file' : code;
    return nothing(path, `cannot read file ${path}: ${why}`);
  }
}

function readVariable(expression: string, environment: Environment): Retrieved {
  const at = expression.indexOf(':-');
  const variable = at < 0 ? expression : expression.slice(0, at);
  const name = `env:${variable}`;
  if (!NAME.test(variable)) {
    const advice = `write $$ for a dollar sign as it stands`;
    return nothing(name, `"${variable}" is no name of an environment variable; ${advice}`);
  }
  const text = environment.variables[variable];
  if (text !== undefined) return { text, name, isFile: false };
  if (at >= 0) return { text: expression.slice(at + 2), name, isFile: false };
  const problem = `environment variable ${variable} is not set, so this is empty; \${env:${variable}:-default} would give it a default`;
  return { text: '', name, isFile: false, problem };
}

function nothing(name: string, problem: string): Retrieved {
  return { name, isFile: false, problem };
}
