import { type Bytes, withChunks } from '../../../contract/batch.ts';
import type { Transform } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { filterIndexed } from '../../../formats/otlp/filter.ts';
import { Counts } from './counts.ts';
import { LogSampler } from './logs.ts';
import { Policy } from './policy.ts';
import { KeepRules } from './rules.ts';
import type { Config } from './settings.ts';
import { SpanSampler } from './spans.ts';

/**
 * Keeps a share of the spans or log records of a batch. What is kept is copied as it came; a
 * batch of which everything is kept and nothing is written to is handed on untouched.
 */
export function createTransform(config: Config, context: Pick<Context, 'meter'>): Transform {
  const names = config.keep.map(({ name }) => name);
  const counts = new Counts(context.meter, names);
  const rules = new KeepRules(config);
  const fallback = new Policy(config, config.sampling_percentage);
  const tenants = new Map(
    Object.entries(config.tenants).map(([tenant, share]) => [tenant, new Policy(config, share)]),
  );
  const samplers = {
    traces: new SpanSampler(config, fallback, { rules, counts }),
    logs: new LogSampler(config, fallback, { rules, counts }),
  };
  return (batch) => {
    const { signal, origin } = batch;
    if (signal === 'metrics') return batch;
    const sampler = samplers[signal];
    const hasRules = rules.begin(origin.tenant);
    sampler.begin(tenants.get(origin.tenant) ?? fallback, hasRules);
    const chunks: Bytes[] = [];
    let items = 0;
    let isChanged = false;
    for (const chunk of batch.chunks) {
      rules.beginChunk();
      const { bytes, kept, dropped } = filterIndexed(signal, chunk, sampler.keep);
      items += kept;
      isChanged ||= bytes !== chunk;
      if (kept > 0 || dropped === 0) chunks.push(bytes);
    }
    counts.flush(batch.items);
    if (!isChanged) return batch;
    return items > 0 ? withChunks(batch, chunks, items) : undefined;
  };
}
