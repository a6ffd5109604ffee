// Relabels series whose labels are known, in WebAssembly. Where one is not, it stops and the host
// works out what becomes of it.
//
// Memory: results, then room for a patch of the host, then a window of the chunk, then room for what
// becomes of it, then what is remembered (label-sets.ts). The window has at least 64 bytes behind it.

import { copy, itemsOf, payload, payloadBytes } from './fields';
import { entries, evictions, find, heldBytes, insert, labelsEnd, patchOf } from './label-sets';

export { configure, heldBytes } from './label-sets';
export { gather, places } from './places';
export { skim } from './skim';

const SERIES_TAG: u32 = 0x0a;
const METADATA_TAG: u32 = 0x1a;

/** Why `rewrite` stopped. */
const AT_END: u32 = 0;
const CUT: u32 = 1;
const UNKNOWN: u32 = 2;
const FULL: u32 = 3;
const ODD: u32 = 4;

/** What becomes of a label set. */
const UNCHANGED: u32 = 0;
const PATCHED: u32 = 1;
const DROPPED: u32 = 2;

/** Results in memory. */
const WHY: usize = 0;
const START: usize = 4;
const LABELS_END: usize = 8;
const STOP: usize = 12;
const HITS: usize = 16;
const DROPPED_ITEMS: usize = 20;
const NAMELESS_ITEMS: usize = 24;
const OUT: usize = 28;
const COPIED: usize = 32;
const ENTRIES: usize = 36;
const EVICTIONS: usize = 40;

/** Written past the end of a range that is copied, at most. */
const SLACK: usize = 48;

let copied: usize = 0;
let out: usize = 0;
let outEnd: usize = 0;

/** Begins with a window at `at`; what becomes of it goes to the bytes from `to` up to `toEnd`. */
export function begin(at: usize, to: usize, toEnd: usize): void {
  copied = at;
  out = to;
  outEnd = toEnd - SLACK;
}

/** What was written has been taken: there is room again from `to` on. */
export function drain(to: usize): void {
  out = to;
}

/** Passes over what is known from `from` on; answers where it stopped, and why in the results. */
export function rewrite(from: usize, end: usize): usize {
  let at = from;
  let hits: u32 = 0;
  let why = AT_END;
  store<u32>(DROPPED_ITEMS, 0);
  store<u32>(NAMELESS_ITEMS, 0);
  while (at < end) {
    const tag = <u32>load<u8>(at);
    const start = payload(at, end);
    if (start == 0) {
      why = CUT;
      break;
    }
    const stop = start + payloadBytes;
    if (tag != SERIES_TAG) {
      if (tag != METADATA_TAG) {
        why = ODD;
        break;
      }
      at = stop;
      continue;
    }
    const entry = find(start, stop);
    if (entry == 0) {
      why = labelsEnd == 0 ? ODD : UNKNOWN;
      store<u32>(START, <u32>start);
      store<u32>(LABELS_END, <u32>labelsEnd);
      store<u32>(STOP, <u32>stop);
      break;
    }
    why = apply(entry, at, start, stop);
    if (why != AT_END) break;
    hits++;
    at = stop;
  }
  store<u32>(WHY, why);
  store<u32>(HITS, hits);
  store<u32>(OUT, <u32>out);
  store<u32>(COPIED, <u32>copied);
  return at;
}

/**
 * Remembers what becomes of the label set that was unknown: of `kind`, with the patch at `from`. False when
 * it is too large to be kept.
 */
// oxlint-disable-next-line max-params
export function remember(
  kind: u32,
  prefix: u32,
  suffix: u32,
  from: usize,
  patchBytes: u32,
): bool {
  const start = <usize>load<u32>(START);
  const entry = insert(start, labelsEnd - start, patchBytes);
  if (entry != 0) {
    store<u32>(entry, kind, 12);
    store<u32>(entry, prefix, 16);
    store<u32>(entry, suffix, 20);
    store<u32>(entry, patchBytes, 24);
    memory.copy(patchOf(entry), from, patchBytes);
  }
  store<u32>(ENTRIES, entries);
  store<u32>(EVICTIONS, evictions);
  return entry != 0;
}

/** Writes the series that begins at `at` as its entry says. */
// @ts-ignore: decorator
@inline
function apply(entry: usize, at: usize, start: usize, stop: usize): u32 {
  const kind = load<u32>(entry, 12);
  if (kind == UNCHANGED) return AT_END;
  if (kind != PATCHED) return drop(kind, at, stop);
  const prefix = <usize>load<u32>(entry, 16);
  const patchBytes = <usize>load<u32>(entry, 24);
  const rest = labelsEnd - <usize>load<u32>(entry, 20);
  const before = at - copied;
  const size = prefix + patchBytes + (stop - rest);
  if (before + size + 8 > outEnd - out) return FULL;
  copy(out, copied, before);
  let to = out + before;
  store<u8>(to, <u8>SERIES_TAG);
  to = writeVarint(to + 1, <u32>size);
  copy(to, start, prefix);
  to += prefix;
  copy(to, patchOf(entry), patchBytes);
  out = to + patchBytes;
  // What is behind the patch is copied with whatever follows it.
  copied = rest;
  return AT_END;
}

/** Leaves a series out and counts what was in it. */
function drop(kind: u32, at: usize, stop: usize): u32 {
  const items = itemsOf(labelsEnd, stop);
  if (items < 0) return ODD;
  if (at - copied > outEnd - out) return FULL;
  copy(out, copied, at - copied);
  out += at - copied;
  copied = stop;
  const counter = kind == DROPPED ? DROPPED_ITEMS : NAMELESS_ITEMS;
  store<u32>(counter, load<u32>(counter) + <u32>items);
  return AT_END;
}

// @ts-ignore: decorator
@inline
function writeVarint(to: usize, value: u32): usize {
  while (value >= 0x80) {
    store<u8>(to++, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(to, <u8>value);
  return to + 1;
}
