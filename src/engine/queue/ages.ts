/** A link in the chain of ages. */
interface Aged<T> {
  older: T | undefined;
  newer: T | undefined;
}

/** Entries from the oldest to the newest, so that any may leave and the oldest is known. */
export class Ages<T extends Aged<T>> {
  oldest: T | undefined;
  #newest: T | undefined;

  add(entry: T): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  remove(entry: T): void {
    const { older, newer } = entry;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
