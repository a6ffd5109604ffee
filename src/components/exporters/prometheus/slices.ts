import { setImmediate as turn } from 'node:timers/promises';

const SLICE_MS = 5;
const LINES_PER_LOOK = 64;

/** Cuts long work into slices of a few milliseconds. */
export class Slices {
  #end = performance.now() + SLICE_MS;
  #lines = 0;

  /** Whether it is the turn of others, after `lines` more. Looks at the clock now and then. */
  isOver(lines: number): boolean {
    this.#lines += lines;
    if (this.#lines < LINES_PER_LOOK) return false;
    this.#lines = 0;
    return performance.now() >= this.#end;
  }

  /** Resolves when others had their turn. */
  async next(): Promise<void> {
    await turn();
    this.#end = performance.now() + SLICE_MS;
  }
}
