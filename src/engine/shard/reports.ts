/** What components of a shard show to whoever looks. */
export class Reports {
  readonly #readers = new Map<string, Map<string, () => readonly unknown[]>>();

  /** From now on `read` speaks for a component about a topic. */
  add(component: string, topic: string, read: () => readonly unknown[]): void {
    const readers = this.#readers.get(topic) ?? new Map<string, () => readonly unknown[]>();
    this.#readers.set(topic, readers.set(component, read));
  }

  /** Everything about a topic. A component that fails to say it is left out, and `failed` is told. */
  read(topic: string, failed: (component: string, error: unknown) => void): readonly unknown[] {
    const rows: unknown[] = [];
    for (const [component, read] of this.#readers.get(topic) ?? []) {
      try {
        // Plain values and nothing else: what is shown must not break the message it travels in.
        rows.push(...(JSON.parse(JSON.stringify(read())) as readonly unknown[]));
      } catch (error) {
        failed(component, error);
      }
    }
    return rows;
  }
}
