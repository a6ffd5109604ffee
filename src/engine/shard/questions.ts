/** What a component asks itself in the other shards. */
import type { PeerAnswer, Peers } from '../../contract/context.ts';
import type { Link, Mesh, Served } from './mesh.ts';

type Answer = (question: unknown) => Promise<PeerAnswer>;

/** The questions of all components of a shard. */
export class Questions {
  readonly #mesh: Mesh;
  readonly #answers = new Map<string, Answer>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** The other shards, as the component with this id sees them. */
  peersOf(component: string): Peers {
    return {
      onQuestion: (answer) => {
        this.#answers.set(component, answer);
      },
      ask: (question, deadline) => this.#ask({ component, question }, deadline),
    };
  }

  /** Answers a question of another shard; rejects when nobody here does. */
  async serve(component: string, question: unknown): Promise<Served> {
    const answer = this.#answers.get(component);
    if (answer === undefined) throw new Error(`bug: ${component} answers no questions`);
    const { value, bytes } = await answer(question);
    return { value: { value, bytes } satisfies PeerAnswer, bytes };
  }

  async #ask(asked: Asked, deadline: AbortSignal): Promise<readonly PeerAnswer[]> {
    if (deadline.aborted) return [];
    const over = Promise.withResolvers<undefined>();
    const end = (): void => over.resolve(undefined);
    deadline.addEventListener('abort', end, { once: true });
    const answers = await Promise.all(
      this.#mesh.links.map((link) => Promise.race([askOne(link, asked), over.promise])),
    );
    deadline.removeEventListener('abort', end);
    return answers.filter((answer) => answer !== undefined);
  }
}

interface Asked {
  readonly component: string;
  readonly question: unknown;
}

async function askOne(link: Link, asked: Asked): Promise<PeerAnswer | undefined> {
  return (await link.call({ kind: 'question', ...asked }, [])) as PeerAnswer | undefined;
}
