import { type Batch, withChunks } from '../../../contract/batch.ts';
import type { DropItems, Transform } from '../../../contract/component.ts';
import type { Context, Counter, Gauge } from '../../../contract/context.ts';
import { createRewriter } from '../../../formats/prometheus/relabel/kernel-rewriter.ts';
import type { Rewriter } from '../../../formats/prometheus/relabel/rewrite.ts';
import { PerRuleSet } from '../../../formats/prometheus/relabel/rule-sets.ts';
import { RelabelRules } from '../../../formats/prometheus/relabel/rules.ts';
import { RecordRelabeler } from './record-relabeler.ts';
import type { Config } from './settings.ts';

/** Applies the rules of the batch's tenant, in either form. */
export function createTransform(config: Config, context: Context): Transform {
  const { naming, cache_size: cacheBytes } = config;
  const counts = new CacheCounts(context);
  const ofSeries = new PerRuleSet(config, (rules, sets) => {
    const rewriter = createRewriter(new RelabelRules(rules, naming), cacheBytes / sets);
    return new SeriesTransform(rewriter, counts);
  });
  const ofRecords = new PerRuleSet(config, (rules) => new RecordRelabeler(rules, naming));
  return (batch, drop) => {
    const { tenant } = batch.origin;
    if (batch.form === 'prometheus') return ofSeries.of(tenant).apply(batch, drop);
    return ofRecords.of(tenant).apply(batch);
  };
}

/** The numbers of a rewriter at one moment. */
type Look = Rewriter['lookups'] & { readonly bytes: number };

const NOTHING: Look = { hits: 0, misses: 0, evictions: 0, bytes: 0 };

/** Brings the numbers of rewriters to the metrics. */
class CacheCounts {
  readonly #hits: Counter;
  readonly #misses: Counter;
  readonly #evictions: Counter;
  readonly #bytes: Gauge;

  constructor({ meter }: Context) {
    const help =
      'Label sets a relabel processor looked up, by whether it knew what becomes of them.';
    const lookups = (result: string) =>
      meter.counter('processor_label_set_lookups', help, { result });
    this.#hits = lookups('hit');
    this.#misses = lookups('miss');
    this.#evictions = meter.counter(
      'processor_label_set_evictions',
      'Label sets that a relabel processor forgot to make room for others.',
    );
    this.#bytes = meter.gauge(
      'processor_label_set_bytes',
      'Memory for what a relabel processor knows of label sets.',
    );
  }

  /** Counts what happened between two looks at a rewriter; there is one for each set of rules. */
  add(before: Look, after: Look): void {
    this.#hits.add(after.hits - before.hits);
    this.#misses.add(after.misses - before.misses);
    this.#evictions.add(after.evictions - before.evictions);
    this.#bytes.add(after.bytes - before.bytes);
  }
}

class SeriesTransform {
  readonly #rewriter: Rewriter;
  readonly #counts: CacheCounts;
  #look = NOTHING;

  constructor(rewriter: Rewriter, counts: CacheCounts) {
    this.#rewriter = rewriter;
    this.#counts = counts;
  }

  apply(batch: Batch, drop?: DropItems): Batch | undefined {
    let [dropped, nameless, changed] = [0, 0, false];
    const chunks = batch.chunks.map((chunk) => {
      const result = this.#rewriter.rewrite(chunk);
      dropped += result.dropped;
      nameless += result.nameless;
      changed ||= result.bytes !== chunk;
      return result.bytes;
    });
    const { lookups, bytes } = this.#rewriter;
    const { hits, misses, evictions } = lookups;
    const look = { hits, misses, evictions, bytes };
    this.#counts.add(this.#look, look);
    this.#look = look;
    if (!changed) return batch;
    drop?.('missing_name', nameless);
    const left = chunks.filter(({ length }) => length > 0);
    if (left.length === 0) return undefined;
    return withChunks(batch, left, batch.items - dropped - nameless);
  }
}
