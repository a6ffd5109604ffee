import type { Registry } from '../contract/registry.ts';

/** What a command may reach; tests pass their own. */
export interface Terminal {
  readonly registry: Registry;
  /** Standard output, whole lines. */
  readonly out: (text: string) => void;
  /** Standard error, whole lines. */
  readonly err: (text: string) => void;
}

/** Exit codes: all is well, something is wrong with the configuration or the run, with the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Rows under a heading, in columns as wide as their widest cell. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
