import { parseArgs } from 'node:util';

/** Flags that every command understands the same way. */
export interface Arguments {
  /** `--config`, and paths written without it; in order. */
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly format: string | undefined;
  readonly mode: string | undefined;
  readonly output: string | undefined;
  readonly labels: string | undefined;
  readonly processor: string | undefined;
  readonly tenant: string | undefined;
  readonly reference: boolean;
  readonly welcome: boolean;
}

/** A command line nobody can make sense of; the message says why. */
export class UsageError extends Error {}

const FLAGS = {
  config: { type: 'string', multiple: true, short: 'c' },
  set: { type: 'string', multiple: true },
  format: { type: 'string' },
  mode: { type: 'string' },
  output: { type: 'string', short: 'o' },
  labels: { type: 'string' },
  processor: { type: 'string' },
  tenant: { type: 'string' },
  reference: { type: 'boolean' },
  welcome: { type: 'boolean' },
} as const;

/** A flag of the command line. */
export type Flag = keyof typeof FLAGS;

/** Reads what stands behind a command. Flags that the command does not have are an error. */
export function parseArguments(words: readonly string[], allowed: readonly Flag[]): Arguments {
  const options = Object.fromEntries(allowed.map((flag) => [flag, FLAGS[flag]]));
  const allowPositionals = allowed.includes('config');
  let parsed: { values: Record<string, unknown>; positionals: readonly string[] };
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals, strict: true });
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : '').split('. ');
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1));
  }
  const { values } = parsed;
  const text = (flag: Flag): string | undefined => {
    const value = values[flag];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    config: [...((values['config'] as string[] | undefined) ?? []), ...parsed.positionals],
    set: (values['set'] as string[] | undefined) ?? [],
    format: text('format'),
    mode: text('mode'),
    output: text('output'),
    labels: text('labels'),
    processor: text('processor'),
    tenant: text('tenant'),
    reference: values['reference'] === true,
    welcome: values['welcome'] === true,
  };
}

/** The value of a flag that has a few, the first being the one meant when it is not written. */
export function choose<T extends string>(
  flag: Flag,
  written: string | undefined,
  allowed: readonly [T, ...T[]],
): T {
  if (written === undefined) return allowed[0];
  const chosen = allowed.find((value) => value === written);
  if (chosen !== undefined) return chosen;
  throw new UsageError(`--${flag} "${written}" is not allowed; allowed: ${allowed.join(', ')}`);
}

/** Where the configuration is; an error when nobody said. */
export function sourcesOf(args: Arguments): { uris: readonly string[]; sets: readonly string[] } {
  if (args.config.length === 0) {
    throw new UsageError('no configuration is given; write --config FILE');
  }
  return { uris: args.config, sets: args.set };
}
