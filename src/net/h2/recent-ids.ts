const KEPT = 64;

/** The last few stream ids something happened to. Cheap to add to, searched only in doubt. */
export class RecentIds {
  readonly #ids = new Int32Array(KEPT);
  #next = 0;

  add(id: number): void {
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % KEPT;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }
}
