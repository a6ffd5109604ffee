/** What one tenant holds of a queue. */
export interface Share {
  /** In the unit of the queue's sizer. */
  readonly size: number;
  readonly bytes: number;
}

const NOTHING: Share = { size: 0, bytes: 0 };

/** What each tenant holds of a queue. A tenant that holds nothing is forgotten. */
export class Shares {
  readonly #held = new Map<string, { size: number; bytes: number; batches: number }>();

  of(tenant: string): Share {
    return this.#held.get(tenant) ?? NOTHING;
  }

  /** What each tenant that holds something could have, and one more besides. */
  get fair(): number {
    return 1 / (this.#held.size + 1);
  }

  /** How many tenants hold something. */
  get tenants(): number {
    return this.#held.size;
  }

  /** The largest part of `whole` that one tenant holds, in whichever unit it is larger. */
  largestOf(whole: Share): number {
    let largest = 0;
    for (const { size, bytes } of this.#held.values()) {
      largest = Math.max(largest, size / whole.size, bytes / whole.bytes);
    }
    return largest;
  }

  add(tenant: string, size: number, bytes: number): void {
    const share = this.#held.get(tenant);
    if (share === undefined) {
      this.#held.set(tenant, { size, bytes, batches: 1 });
      return;
    }
    share.size += size;
    share.bytes += bytes;
    share.batches += 1;
  }

  remove(tenant: string, size: number, bytes: number): void {
    const share = this.#held.get(tenant);
    if (share === undefined) return;
    share.size -= size;
    share.bytes -= bytes;
    share.batches -= 1;
    if (share.batches === 0) this.#held.delete(tenant);
  }
}
