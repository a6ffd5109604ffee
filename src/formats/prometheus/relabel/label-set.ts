import { LabelName } from './label-name.ts';

/**
 * The labels of one series while rules work on them. A label that is set moves behind all that
 * were not, as it does in Prometheus; the order decides which of two mapped names wins.
 */
export interface LabelSet {
  /** Value of a label, empty when there is none. */
  get(name: LabelName): string;
  /**
   * Gives a label that value, or takes it away when the value is empty. `sources` are the labels
   * the value comes from.
   */
  set(name: LabelName, value: string, sources: readonly LabelName[]): void;
  /**
   * Names that are there now, in order; some of them may have no value. The list stays as it is,
   * whatever is set.
   */
  names(): readonly LabelName[];
}

export interface Label {
  readonly name: string;
  readonly value: string;
}

/** A label set of strings, for where there are few: targets, explanations, tests. */
export class LabelList implements LabelSet {
  readonly #kept = new Map<string, string>();
  readonly #set = new Map<string, string>();

  /** Labels in any order; those without a value are none. Of the same name the last counts. */
  constructor(labels: readonly Label[]) {
    for (const { name, value } of labels.toSorted(byName))
      if (value !== '') this.#kept.set(name, value);
  }

  get({ text }: LabelName): string {
    return this.#set.get(text) ?? this.#kept.get(text) ?? '';
  }

  set({ text }: LabelName, value: string): void {
    this.#kept.delete(text);
    if (value === '') this.#set.delete(text);
    else this.#set.set(text, value);
  }

  names(): readonly LabelName[] {
    return [...this.#kept.keys(), ...this.#set.keys()].map((text) => new LabelName(text));
  }

  /** The labels by name, in byte order. */
  labels(): readonly Label[] {
    const all = [...this.#kept, ...this.#set];
    return all.map(([name, value]) => ({ name, value })).toSorted(byName);
  }
}

function byName(left: Label, right: Label): number {
  if (left.name === right.name) return 0;
  return Buffer.compare(Buffer.from(left.name), Buffer.from(right.name));
}
