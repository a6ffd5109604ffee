/** Where something was written. Lines and columns count from 1. */
export interface Place {
  /** Path as given, `env:NAME`, or `--set KEY`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with a configuration, or worth knowing about it. */
export interface Mistake extends Place {
  /** Dotted path of the setting: `exporters.otlp_http/eu.timeout`; empty for the whole file. */
  readonly path: string;
  /** Lower case: the offending value, what is allowed, the remedy. Never holds a secret. */
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

/** The operator's mistakes, all of them at once, in the order of the files. */
export class ConfigError extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(describeMistake).join('\n'));
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

/** `pipelines/gateway.yaml:14:5 exporters.otlp_http/eu.timeout: "10" has no unit; write 10s` */
export function describeMistake(mistake: Mistake): string {
  const path = mistake.path === '' ? '' : `${mistake.path}: `;
  return `${mistake.file}:${mistake.line}:${mistake.column} ${path}${mistake.message}`;
}

/** Collects what is found, so that one run reports everything. */
export class Findings {
  readonly #found: Mistake[] = [];

  /** Something that keeps the program from starting. */
  error(place: Place, path: string, message: string): void {
    this.#add(place, path, { message, severity: 'error' });
  }

  /** Something the operator should know. */
  warn(place: Place, path: string, message: string): void {
    this.#add(place, path, { message, severity: 'warning' });
  }

  /** Whether anything found so far keeps the program from starting. */
  get failed(): boolean {
    return this.#found.some((finding) => finding.severity === 'error');
  }

  /** Everything of one severity, sorted by place. */
  sorted(severity: Mistake['severity']): readonly Mistake[] {
    return this.#found
      .filter((finding) => finding.severity === severity)
      .sort((a, b) => a.line - b.line || a.column - b.column)
      .sort((a, b) => this.#fileOrder(a.file) - this.#fileOrder(b.file));
  }

  #fileOrder(file: string): number {
    return this.#found.findIndex((finding) => finding.file === file);
  }

  #add(place: Place, path: string, what: Pick<Mistake, 'message' | 'severity'>): void {
    const { file, line, column } = place;
    const known = this.#found.some(
      (other) =>
        other.path === path &&
        other.message === what.message &&
        other.file === file &&
        other.line === line,
    );
    if (!known) this.#found.push({ file, line, column, path, ...what });
  }
}
