// What is remembered of label sets: a ring of entries in the order they came, and a table of hashes
// that finds them. Bounded: what is new takes the place of the oldest. An entry that was used since it
// was written goes once more to the head instead, so that a flood of label sets that come once
// does not wash away those that come always. Making room touches a few entries, never all.
//
//   ring:   base ─ … head ─ free ─ tail … limit ─ end     after it went round
//           base ─ tail … head ─ free ─ end               before
//   entry:  0 hash | 4 bytes of the key | 8 bytes of the entry | 12 kind | 16 prefix | 20 suffix
//           24 bytes of the patch | 28 used | 32 key … patch … , to a multiple of eight
//   table:  lines of eight slots, each the hash and the place of an entry; 0 is free
//
// A sender sends its series in the same order again and again, so the entry behind the one that was
// found last is most likely the next, and comparing all bytes of it is all there is to do: no
// walk, no hash. Two such places are kept, so that series that come and go do not break the row. A
// hash finds an entry where that fails. In either case the comparison of all bytes decides.

import { endOfLabels } from './labels';

export const HEAD: usize = 32;
const LINE: usize = 64;
const SLOT: usize = 8;
const PAGE_SHIFT: usize = 16;
/** Pages the ring grows by. */
const GROWTH: i32 = 64;
/** Used entries that get another turn for one that is new; then the oldest goes all the same. */
const MOST_TURNS: u32 = 64;
const LABEL_TAG: u32 = 0x0a;

let seed: u32 = 0;
let table: usize = 0;
let lines: u32 = 0;
let base: usize = 0;
let end: usize = 0;
let most: usize = 0;
let head: usize = 0;
let tail: usize = 0;
/** Where the entries in front of the end of the ring stop; 0 while it has not gone round. */
let limit: usize = 0;

/** The entries that were found last, in two rows. */
let near: usize = 0;
let far: usize = 0;

/** Of the label set that `find` looked at last: where it ends; and its hash, when it was not found. */
export let labelsEnd: usize = 0;
export let missingHash: u32 = 0;

export let entries: u32 = 0;
export let evictions: u32 = 0;

/**
 * Sets up an empty ring of up to `ringBytes` behind a table at `at` of `lineCount` lines, a power of two.
 * The memory must have all of the table and 64 bytes more.
 */
export function configure(at: usize, lineCount: u32, ringBytes: usize, hashSeed: u32): void {
  table = at;
  lines = lineCount;
  base = at + <usize>lineCount * LINE;
  most = base + ringBytes;
  end = reach();
  head = base;
  tail = base;
  seed = hashSeed;
}

/** Bytes that are taken of the ring and by the table. */
export function heldBytes(): usize {
  const round = limit == 0 ? head - tail : limit - tail + (head - base);
  return round + <usize>lines * LINE;
}

/** The entry of the label set at `start` of a series that ends at `stop`; 0 when there is none. */
export function find(start: usize, stop: usize): usize {
  const next = behind(near);
  if (next != 0 && isAt(next, start, stop)) {
    near = next;
    return touched(next);
  }
  const other = behind(far);
  if (other != 0 && isAt(other, start, stop)) {
    far = near;
    near = other;
    return touched(other);
  }
  labelsEnd = endOfLabels(start, stop);
  if (labelsEnd == 0) return 0;
  // Something else stands here: the row goes on behind it.
  far = next == 0 ? other : next;
  const found = lookUp(start);
  if (found == 0) return 0;
  near = found;
  return touched(found);
}

/** By its hash: for a label set of which the end is known. */
function lookUp(start: usize): usize {
  const length = labelsEnd - start;
  const hash = hashOf(start, length);
  missingHash = hash;
  const line = lineOf(hash);
  for (let slot = line; slot < line + LINE; slot += SLOT) {
    if (load<u32>(slot) != hash) continue;
    const entry = <usize>load<u32>(slot, 4);
    if (entry == 0 || <usize>load<u32>(entry, 4) != length) continue;
    if (areEqual(entry + HEAD, start, length)) return entry;
  }
  return 0;
}

/**
 * A new entry for the label set of `length` bytes at `start`, which `find` did not find, with room for a
 * patch; 0 when it is too large for the ring. The caller fills in the patch.
 */
export function insert(start: usize, length: usize, patchBytes: usize): usize {
  const size = (HEAD + length + patchBytes + 7) & ~7;
  if (!makeRoom(size)) return 0;
  const entry = head;
  head += size;
  entries++;
  store<u32>(entry, missingHash);
  store<u32>(entry, <u32>length, 4);
  store<u32>(entry, <u32>size, 8);
  store<u32>(entry, 0, 28);
  memory.copy(entry + HEAD, start, length);
  index(missingHash, entry);
  near = entry;
  return entry;
}

/** Where the patch of an entry is. */
// @ts-ignore: decorator
@inline
export function patchOf(entry: usize): usize {
  return entry + HEAD + <usize>load<u32>(entry, 4);
}

// @ts-ignore: decorator
@inline
function touched(entry: usize): usize {
  if (load<u32>(entry, 28) == 0) store<u32>(entry, 1, 28);
  return entry;
}

/** The entry that was written after `entry`; 0 when there is none. */
// @ts-ignore: decorator
@inline
function behind(entry: usize): usize {
  if (entry == 0) return 0;
  const next = entry + <usize>load<u32>(entry, 8);
  if (next == head) return 0;
  return next == limit ? (base == head ? 0 : base) : next;
}

/** Whether `entry` is of the labels at `start`, all of them. */
// @ts-ignore: decorator
@inline
function isAt(entry: usize, start: usize, stop: usize): bool {
  const length = <usize>load<u32>(entry, 4);
  if (length > stop - start) return false;
  if (!areEqual(entry + HEAD, start, length)) return false;
  labelsEnd = start + length;
  return labelsEnd == stop || <u32>load<u8>(labelsEnd) != LABEL_TAG;
}

/** Compares sixteen bytes at a time, the last sixteen once more where the length is uneven. */
// @ts-ignore: decorator
@inline
function areEqual(a: usize, b: usize, length: usize): bool {
  if (length < 16) {
    for (let i: usize = 0; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
    return true;
  }
  const last = length - 16;
  if (v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)))) return false;
  for (let i: usize = 0; i < last; i += 16) {
    if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false;
  }
  return true;
}

/** Two rows of eight bytes a step, mixed well at the end; the last bytes are read once more. */
function hashOf(start: usize, length: usize): u32 {
  let a: u64 = 0x9e37_79b9_7f4a_7c15 ^ <u64>seed;
  let b: u64 = 0xc2b2_ae3d_27d4_eb4f ^ (<u64>seed << 32) ^ <u64>length;
  let at = start;
  const stop = start + length;
  for (; at + 16 <= stop; at += 16) {
    a = rotl<u64>((a ^ load<u64>(at)) * 0x87c3_7b91_1142_53d5, 31);
    b = rotl<u64>((b ^ load<u64>(at, 8)) * 0x4cf5_ad43_2745_937f, 33);
  }
  for (; at < stop; at++) a = rotl<u64>((a ^ <u64>load<u8>(at)) * 0x87c3_7b91_1142_53d5, 31);
  a = (a ^ rotl<u64>(b, 17)) * 0xff51_afd7_ed55_8ccd;
  a = (a ^ (a >> 33)) * 0xc4ce_b9fe_1a85_ec53;
  return <u32>(a ^ (a >> 32));
}

// @ts-ignore: decorator
@inline
function lineOf(hash: u32): usize {
  return table + <usize>(hash & (lines - 1)) * LINE;
}

/** Puts an entry into the table, in place of the oldest of its line when that is full. */
function index(hash: u32, entry: usize): void {
  const line = lineOf(hash);
  let place = line;
  let oldest: usize = 0;
  for (let slot = line; slot < line + LINE; slot += SLOT) {
    const other = <usize>load<u32>(slot, 4);
    if (other == 0) {
      place = slot;
      break;
    }
    // How far behind the head it was written.
    const age = other < head ? head - other : head + (most - other);
    if (age > oldest) {
      oldest = age;
      place = slot;
    }
  }
  store<u32>(place, hash);
  store<u32>(place, <u32>entry, 4);
}

/** The slot that leads to an entry; 0 when another took it. */
function slotOf(entry: usize): usize {
  const line = lineOf(load<u32>(entry));
  for (let slot = line; slot < line + LINE; slot += SLOT) {
    if (<usize>load<u32>(slot, 4) == entry) return slot;
  }
  return 0;
}

/** Makes `size` bytes free at the head; false when the ring is too small for it. */
function makeRoom(size: usize): bool {
  if (size > (most - base) >> 2) return false;
  let turns: u32 = 0;
  while (true) {
    if (tail == limit) {
      tail = base;
      limit = 0;
    }
    if (limit == 0) {
      if (end - head >= size || grow(size)) return true;
      limit = head;
      head = base;
    }
    if (tail - head >= size) return true;
    const slot = slotOf(tail);
    const isUsed = slot != 0 && load<u32>(tail, 28) != 0;
    if (isUsed && turns < MOST_TURNS) {
      turns++;
      again(slot);
    } else forget(slot);
  }
}

function grow(size: usize): bool {
  while (end - head < size) {
    if (end >= most || memory.grow(GROWTH) < 0) return false;
    end = reach();
  }
  return true;
}

/** Where the ring ends in the memory there is; sixteen bytes at once are read up to there. */
function reach(): usize {
  return min(most, (<usize>memory.size() << PAGE_SHIFT) - LINE);
}

/** Moves the oldest entry, which was used, to the head; the free bytes stay as many as they were. */
function again(slot: usize): void {
  const entry = tail;
  const size = <usize>load<u32>(entry, 8);
  memory.copy(head, entry, size);
  store<u32>(head, 0, 28);
  store<u32>(slot, <u32>head, 4);
  if (near == entry) near = head;
  if (far == entry) far = head;
  head += size;
  tail += size;
}

/** Lets the oldest entry go. */
function forget(slot: usize): void {
  if (slot != 0) store<u64>(slot, 0);
  if (near == tail) near = 0;
  if (far == tail) far = 0;
  tail += <usize>load<u32>(tail, 8);
  entries--;
  evictions++;
}
