import { LineKeys } from './line-keys.ts';
import { SeriesMemory } from './series-memory.ts';
import { SeriesMessages } from './series-messages.ts';

/** What is remembered of the pages of a target. */
export interface Remembered {
  readonly keys: LineKeys;
  readonly messages: SeriesMessages;
  /** Exemplars as they were written last, by series. */
  readonly exemplars: Map<number, Uint8Array>;
}

/**
 * The same without keys that were not seen since scrape `since`, and without series that have none
 * and were not sent. What is given is of no use afterwards.
 */
export function compacted(old: Remembered, since: number, memory: SeriesMemory): Remembered {
  const unbounded = new SeriesMemory(Infinity);
  const [keys, messages] = [new LineKeys(unbounded), new SeriesMessages(unbounded)];
  const exemplars = new Map<number, Uint8Array>();
  const move = (series: number): number => {
    const copy = messages.copyFrom(old.messages, series);
    const exemplar = old.exemplars.get(series);
    if (exemplar !== undefined) exemplars.set(copy, exemplar);
    return copy;
  };
  keys.copyFrom(old.keys, since, move);
  const { live, count } = old.messages;
  for (let series = 0; series < count; series++) if (live[series] === 1) move(series);
  old.keys.release();
  old.messages.release();
  // It is no larger than what was given back.
  keys.chargeTo(memory);
  messages.chargeTo(memory);
  return { keys, messages, exemplars };
}
