import type { Report } from '../admin/report.ts';

/** How long a shard may take to answer; those that are busy are shown as silent. */
const ANSWER_MS = 2000;
/** Shards are asked at most this often about one topic. */
const FRESH_MS = 1000;

/** A shard that can be asked for a report. */
export interface Reporter {
  readonly index: number;
  /** Undefined when there was no answer in time. */
  report(topic: string, timeoutMs: number): Promise<readonly unknown[] | undefined>;
}

/** Asks the shards what they show when somebody looks, and not more often than is useful. */
export class Reports {
  readonly #reporters: () => readonly Reporter[];
  readonly #latest = new Map<string, { readonly at: number; readonly report: Promise<Report> }>();

  constructor(reporters: () => readonly Reporter[]) {
    this.#reporters = reporters;
  }

  /** What the shards show of `topic`, at most a second old. Never rejects. */
  read(topic: string): Promise<Report> {
    const latest = this.#latest.get(topic);
    const now = performance.now();
    if (latest !== undefined && now - latest.at < FRESH_MS) return latest.report;
    const report = this.#ask(topic);
    this.#latest.set(topic, { at: now, report });
    return report;
  }

  async #ask(topic: string): Promise<Report> {
    const reporters = this.#reporters();
    const answers = await Promise.all(reporters.map((one) => one.report(topic, ANSWER_MS)));
    const silent = reporters.filter((_, at) => answers[at] === undefined);
    return {
      rows: answers.flatMap((rows) => rows ?? []),
      silent: silent.map(({ index }) => index),
    };
  }
}
