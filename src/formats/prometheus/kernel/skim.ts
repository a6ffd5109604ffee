// The check of a series that nearly all are, in WebAssembly: labels as the form wants them, then
// samples. What it does not know it leaves to src/formats/prometheus/read.

import { find, insert, labelsEnd } from './label-sets';
import { areLegacy, endOfSortedLabels, forgetNames } from './labels';

const SERIES_TAG: u32 = 0x0a;
/** No series is shorter than its tag, its length, and this much more. */
const SHORTEST: usize = 4;
const SAMPLE_TAG: u32 = 0x12;
const VALUE_TAG: u32 = 0x09;
const TIMESTAMP_TAG: u32 = 0x10;

/** Results in memory. */
const SAMPLES: usize = 0;
const WAS_CUT: usize = 4;
const ALL_LEGACY: usize = 8;

/** Label sets looked up between two looks at whether that is worth it, and left out when it was not. */
const TRIAL: u32 = 8192;
const REST: u32 = 20 * TRIAL;

let lookups: u32 = 0;
let misses: u32 = 0;
let resting: u32 = 0;
/** Whether the names of the label set checked last are of remote-write 1.0. */
let isLegacySet: bool = false;

/**
 * Passes over series from `start` on that are as the form wants them, with samples and nothing else,
 * and answers where it stopped: at the end, or at the first that is not. With `legacy` it also stops
 * at names that remote-write 1.0 does not have. The results say how many samples there were, whether
 * the bytes ended within a series, and whether all names are of 1.0.
 */
export function skim(start: usize, end: usize, legacy: bool): usize {
  let at = start;
  let samples: u32 = 0;
  let wasCut: u32 = 0;
  let allLegacy = true;
  forgetNames();
  while (at < end) {
    if (<u32>load<u8>(at) != SERIES_TAG) break;
    if (end - at < SHORTEST) {
      wasCut = 1;
      break;
    }
    let body = at + 2;
    let size = <usize>load<u8>(at, 1);
    if (size >= 0x80) {
      const high = <usize>load<u8>(at, 2);
      if (high >= 0x80) break;
      size = (size & 0x7f) | (high << 7);
      body++;
    }
    const stop = body + size;
    if (stop > end) {
      wasCut = 1;
      break;
    }
    const behind = checked(body, stop);
    if (behind == 0 || (legacy && !isLegacySet)) break;
    const count = samplesTo(behind, stop);
    if (count == 0) break;
    samples += count;
    allLegacy = allLegacy && isLegacySet;
    at = stop;
  }
  store<u32>(SAMPLES, samples);
  store<u32>(WAS_CUT, wasCut);
  store<u32>(ALL_LEGACY, allLegacy ? 1 : 0);
  return at;
}

/**
 * Where labels end that are as the form wants them; 0 when they are not. A label set that was checked before
 * is compared with what it was then, unless there are so many that few are known.
 */
function checked(start: usize, stop: usize): usize {
  if (resting > 0) {
    resting--;
    const behind = endOfSortedLabels(start, stop);
    isLegacySet = areLegacy;
    return behind;
  }
  if (++lookups == TRIAL) {
    if (misses > TRIAL / 2) resting = REST;
    lookups = 0;
    misses = 0;
  }
  const known = find(start, stop);
  if (known != 0) {
    isLegacySet = load<u32>(known, 12) != 0;
    return labelsEnd;
  }
  misses++;
  const isWhole = labelsEnd != 0;
  const behind = endOfSortedLabels(start, stop);
  isLegacySet = areLegacy;
  if (behind != 0 && isWhole && behind == labelsEnd) {
    const entry = insert(start, behind - start, 0);
    if (entry != 0) {
      store<u32>(entry, areLegacy ? 1 : 0, 12);
      store<u32>(entry, 0, 24);
    }
  }
  return behind;
}

/**
 * How many samples there are up to `stop`, when there is nothing else: a value, then a time of up to nine
 * bytes. 0 when there is.
 *
 * message Sample { double value = 1; int64 timestamp = 2; }
 */
// @ts-ignore: decorator
@inline
function samplesTo(start: usize, stop: usize): u32 {
  let at = start;
  let count: u32 = 0;
  while (at < stop) {
    const size = <usize>load<u8>(at, 1);
    const end = at + 2 + size;
    if (<u32>load<u8>(at) != SAMPLE_TAG || size < 11 || size > 19 || end > stop) return 0;
    if (<u32>load<u8>(at, 2) != VALUE_TAG || <u32>load<u8>(at, 11) != TIMESTAMP_TAG) return 0;
    at += 12;
    while (at < end && load<u8>(at) >= 0x80) at++;
    if (++at != end) return 0;
    count++;
  }
  return count;
}
