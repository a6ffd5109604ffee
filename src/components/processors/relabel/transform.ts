import { type Batch, withChunks } from '../../../contract/batch.ts';
import type { DropItems, Transform } from '../../../contract/component.ts';
import type { Context, Counter } from '../../../contract/context.ts';
import { createRewriter } from '../../../formats/prometheus/relabel/kernel-rewriter.ts';
import type { Rewriter } from '../../../formats/prometheus/relabel/rewrite.ts';
import { PerRuleSet } from '../../../formats/prometheus/relabel/rule-sets.ts';
import { RelabelRules } from '../../../formats/prometheus/relabel/rules.ts';
import { RecordRelabeler } from './record-relabeler.ts';
import type { Config } from './settings.ts';

/** Applies the rules of the batch's tenant, in either form. */
export function createTransform(config: Config, context: Context): Transform {
  const { naming, cache_size: cacheBytes } = config;
  const lookups = lookupCounters(context);
  const ofSeries = new PerRuleSet(config, (rules, sets) => {
    const rewriter = createRewriter(new RelabelRules(rules, naming), cacheBytes / sets);
    return new SeriesTransform(rewriter, lookups);
  });
  const ofRecords = new PerRuleSet(config, (rules) => new RecordRelabeler(rules, naming));
  return (batch, drop) => {
    const { tenant } = batch.origin;
    if (batch.form === 'prometheus') return ofSeries.of(tenant).apply(batch, drop);
    return ofRecords.of(tenant).apply(batch);
  };
}

interface LookupCounters {
  readonly hits: Counter;
  readonly misses: Counter;
}

function lookupCounters({ meter }: Context): LookupCounters {
  const help = 'Label sets a relabel processor looked up, by whether it knew what becomes of them.';
  const lookups = (result: string) =>
    meter.counter('processor_label_set_lookups', help, { result });
  return { hits: lookups('hit'), misses: lookups('miss') };
}

class SeriesTransform {
  readonly #rewriter: Rewriter;
  readonly #lookups: LookupCounters;

  constructor(rewriter: Rewriter, lookups: LookupCounters) {
    this.#rewriter = rewriter;
    this.#lookups = lookups;
  }

  apply(batch: Batch, drop?: DropItems): Batch | undefined {
    const { hits, misses } = this.#rewriter.lookups;
    let [dropped, nameless, changed] = [0, 0, false];
    const chunks = batch.chunks.map((chunk) => {
      const result = this.#rewriter.rewrite(chunk);
      dropped += result.dropped;
      nameless += result.nameless;
      changed ||= result.bytes !== chunk;
      return result.bytes;
    });
    this.#lookups.hits.add(this.#rewriter.lookups.hits - hits);
    this.#lookups.misses.add(this.#rewriter.lookups.misses - misses);
    if (!changed) return batch;
    drop?.('missing_name', nameless);
    const left = chunks.filter(({ length }) => length > 0);
    if (left.length === 0) return undefined;
    return withChunks(batch, left, batch.items - dropped - nameless);
  }
}
