import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import type { PageText } from './merge.ts';

/** Pages that may be in memory at once, on their way or being made. */
const MAX_PAGES = 4;

/** A page that somebody is given; `release` says that it has left, or never will. */
export interface LentPage {
  readonly text: PageText;
  readonly release: () => void;
}

interface Making {
  readonly text: Promise<PageText>;
  readers: number;
}

/**
 * Makes pages one after the other. Who asks while a page of the format is being made gets that
 * one, too; slow readers keep at most a few pages in memory.
 */
export class Pages {
  readonly #make: (format: TextFormat) => Promise<PageText>;
  readonly #making = new Map<string, Making>();
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  constructor(make: (format: TextFormat) => Promise<PageText>) {
    this.#make = make;
  }

  /** Undefined when too many pages wait for slow readers. Rejects when it cannot be made. */
  async page(format: TextFormat): Promise<LentPage | undefined> {
    const key = format.contentType;
    let making = this.#making.get(key);
    if (making === undefined) {
      if (this.#held >= MAX_PAGES) return undefined;
      this.#held += 1;
      const text = this.#last.then(() => this.#make(format));
      this.#last = text.catch(() => {});
      making = { text, readers: 0 };
      this.#making.set(key, making);
    }
    making.readers += 1;
    const release = this.#releaseOf(making);
    try {
      return { text: await making.text, release };
    } catch (error) {
      release();
      throw error;
    } finally {
      // Later readers want later values.
      if (this.#making.get(key) === making) this.#making.delete(key);
    }
  }

  #releaseOf(making: Making): () => void {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      making.readers -= 1;
      if (making.readers === 0) this.#held -= 1;
    };
  }
}
