import type { Context } from '../../../../contract/context.ts';
import type { Bytes } from '../../../../contract/batch.ts';
import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import type { Stores, TenantFacts } from '../store/stores.ts';
import type { Part } from './part-writer.ts';

/** What one shard asks another. */
type Question =
  /** What is known of names apart from their series, which may have come to any shard? */
  | { readonly what: 'facts' }
  /** What belongs on a page? With all that is known of names. */
  | { readonly what: 'part'; readonly format: TextFormat; readonly facts: readonly TenantFacts[] };

/** How long the others may take. */
const DEADLINE_MS = 20_000;

/** The parts of all shards, or the sentence that says why they are not complete. */
export type Gathered = { readonly parts: readonly Part[] } | { readonly missing: string };

/** What all shards have for a page. */
export class ShardParts {
  readonly #context: Context;
  readonly #stores: Stores;
  readonly #write: (format: TextFormat) => Promise<Part>;
  /** Parts are written one after the other, whoever asks for them. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: Context, stores: Stores, write: (format: TextFormat) => Promise<Part>) {
    this.#context = context;
    this.#stores = stores;
    this.#write = write;
    context.peers?.onQuestion((question) => this.#answer(question as Question));
  }

  /** Asks the others while this shard writes its own. */
  async gather(format: TextFormat): Promise<Gathered> {
    const { peers } = this.#context;
    if (peers === undefined) return { parts: [await this.#own(format)] };
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const known = await peers.ask({ what: 'facts' } satisfies Question, deadline);
    for (const { value } of known) this.#learn(value as readonly TenantFacts[]);
    const question: Question = { what: 'part', format, facts: this.#stores.told };
    const [own, answers] = await Promise.all([this.#own(format), peers.ask(question, deadline)]);
    const missing = this.#context.shard.count - 1 - answers.length;
    if (missing > 0) return { missing: `${missing} of the other shards did not answer in time` };
    const others = answers.map(({ value, bytes }) => ({ ...(value as Part), blocks: bytes }));
    return { parts: [own, ...others] };
  }

  async #answer(question: Question): Promise<{ value: unknown; bytes: readonly Bytes[] }> {
    if (question.what === 'facts') return { value: this.#stores.told, bytes: [] };
    this.#learn(question.facts);
    const { blocks, ...value } = await this.#own(question.format);
    return { value, bytes: blocks };
  }

  #own(format: TextFormat): Promise<Part> {
    const part = this.#last.then(() => this.#write(format));
    this.#last = part.catch(() => {});
    return part;
  }

  #learn(facts: readonly TenantFacts[]): void {
    this.#stores.learn(facts, this.#context.clock.now());
  }
}
