import { Bench } from 'tinybench';
import definition from '../../src/components/processors/probabilistic_sampler/index.ts';
import { settings } from '../../src/components/processors/probabilistic_sampler/settings.ts';
import { batchOf, type Bytes } from '../../src/contract/batch.ts';
import type { Meter } from '../../src/contract/context.ts';
import { filterItems } from '../../src/formats/otlp/filter.ts';
import { releaseAll } from '../../src/wire/memory.ts';
import { sampleLogs, sampleTraces } from './requests.ts';

const ORIGIN = { receiver: 'otlp', tenant: '', receivedAt: 0, metadata: {} };
const CELL = { add: () => undefined, set: () => undefined, record: () => undefined };
const METER: Meter = { counter: () => CELL, gauge: () => CELL, histogram: () => CELL };

const RULES = [
  { name: 'errors', status_codes: ['ERROR'] },
  { name: 'checkout', route: { equals: '/checkout' } },
];

/** What sampling a request of 512 items costs, beside copying it whole. */
export function samplingBench(timeMs = 500): Bench {
  const traces = sampleTraces({ items: 512 });
  const logs = sampleLogs({ items: 512 });
  const sampled = samplerOf('traces', traces, { mode: 'proportional', sampling_percentage: 100 })();
  const arriving = sampled[0] ?? traces;
  const ten = { sampling_percentage: 10 };
  const bench = new Bench({ name: 'sampling, 512 items', time: timeMs });
  const add = (name: string, run: () => readonly Bytes[]): void => {
    bench.add(name, () => releaseAll(run()));
  };
  bench.add('copy of 512 spans', () => void traces.slice());
  bench.add('walk over 512 spans', () => void filterItems('traces', traces, () => true));
  add('hash_seed 10 %', samplerOf('traces', traces, ten));
  add('hash_seed 100 %', samplerOf('traces', traces, { sampling_percentage: 100 }));
  add('proportional 10 %', samplerOf('traces', traces, { ...ten, mode: 'proportional' }));
  add(
    'equalizing 100 %',
    samplerOf('traces', traces, { mode: 'equalizing', sampling_percentage: 100 }),
  );
  add(
    'proportional 10 %, all with th',
    samplerOf('traces', arriving, { ...ten, mode: 'proportional' }),
  );
  add('hash_seed 10 %, two keep rules', samplerOf('traces', traces, { ...ten, keep: RULES }));
  add('hash_seed 10 % of log records', samplerOf('logs', logs, ten));
  add(
    'proportional 10 % of log records',
    samplerOf('logs', logs, { ...ten, mode: 'proportional' }),
  );
  return bench;
}

function samplerOf(
  signal: 'traces' | 'logs',
  bytes: Bytes,
  section: object,
): () => readonly Bytes[] {
  const transform = definition.transform(settings.parse(section), { meter: METER });
  const batch = batchOf(bytes, 512, { signal, form: 'otlp', origin: ORIGIN });
  return () => {
    const chunks = transform(batch)?.chunks ?? [];
    return chunks[0] === bytes ? [] : chunks;
  };
}
