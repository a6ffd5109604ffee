import type { TargetGroup } from './target-group.ts';

/** Tells the targets of a job, again whenever they change. */
export interface Discovery {
  /** Begins; `update` is given all groups there are. */
  start(update: (groups: readonly TargetGroup[]) => void): void;
  stop(): void;
}

/** All discoveries of a job as one. */
export class Discoveries implements Discovery {
  readonly #parts: readonly Discovery[];
  readonly #static: readonly TargetGroup[];

  constructor(groups: readonly TargetGroup[], parts: readonly Discovery[]) {
    this.#static = groups;
    this.#parts = parts;
  }

  start(update: (groups: readonly TargetGroup[]) => void): void {
    const found: (readonly TargetGroup[])[] = this.#parts.map(() => []);
    const tell = () => update([...this.#static, ...found.flat()]);
    for (const [at, part] of this.#parts.entries()) {
      part.start((groups) => {
        found[at] = groups;
        tell();
      });
    }
    tell();
  }

  stop(): void {
    for (const part of this.#parts) part.stop();
  }
}
