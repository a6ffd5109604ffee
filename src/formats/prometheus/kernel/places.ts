// Where the series of a chunk end, the hashes of their labels, and how many items they have: what a
// partition has to know, for chunks of series alone.

import { endOfLabels } from './labels';
import { copy, itemsOf, payload, payloadBytes } from './fields';

const SERIES_TAG: u32 = 0x0a;
const RECORD: usize = 12;

/** Results in memory. */
const RECORDS: usize = 0;
const WAS_ODD: usize = 4;

/**
 * Writes a record for each series from `start` on to the bytes from `to` up to `toEnd`: where it ends, the
 * hash of its labels with `seed`, its items. Answers where it stopped: at `end`, at what is cut by it, or
 * at what is no series, which the results say.
 */
export function places(start: usize, end: usize, seed: u32, to: usize, toEnd: usize): usize {
  let at = start;
  let record = to;
  let wasOdd: u32 = 0;
  while (at < end && record + RECORD <= toEnd) {
    const body = payload(at, end);
    if (body == 0) break;
    const stop = body + payloadBytes;
    const isSeries = <u32>load<u8>(at) == SERIES_TAG;
    const labelsEnd = isSeries ? endOfLabels(body, stop) : 0;
    const items = labelsEnd == 0 ? -1 : itemsOf(labelsEnd, stop);
    if (items < 0) {
      wasOdd = 1;
      break;
    }
    store<u32>(record, <u32>stop);
    store<u32>(record, hashOf(body, labelsEnd, seed), 4);
    store<u32>(record, <u32>items, 8);
    record += RECORD;
    at = stop;
  }
  store<u32>(RECORDS, <u32>((record - to) / RECORD));
  store<u32>(WAS_ODD, wasOdd);
  return at;
}

/**
 * Copies the series from `start` on whose record has `place` in place of its items, to `to`; answers where
 * they end.
 */
// oxlint-disable-next-line max-params
export function gather(start: usize, records: usize, count: u32, place: u32, to: usize): usize {
  let at = start;
  let out = to;
  const last = records + <usize>count * RECORD;
  for (let record = records; record < last; record += RECORD) {
    const stop = <usize>load<u32>(record);
    if (load<u32>(record, 8) == place) {
      copy(out, at, stop - at);
      out += stop - at;
    }
    at = stop;
  }
  return out;
}

/** The same as in src/formats/prometheus/partition.ts: all threads must agree. */
function hashOf(start: usize, end: usize, seed: u32): u32 {
  let hash: u32 = seed ^ <u32>(end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) hash = rotl<u32>((hash ^ load<u32>(at)) * 0x85eb_ca6b, 13);
  for (; at < end; at++) hash = (hash ^ <u32>load<u8>(at)) * 0x9e37_79b1;
  hash = (hash ^ (hash >> 16)) * 0x85eb_ca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2_ae35;
  return hash ^ (hash >> 16);
}
