// Fields of a valid message, of which the tags have one byte.

const SAMPLE_TAG: u32 = 0x12;
const HISTOGRAM_TAG: u32 = 0x22;

/** Samples and histograms from `start` on; -1 when something else is there than messages. */
export function itemsOf(start: usize, stop: usize): i32 {
  let at = start;
  let items = 0;
  while (at < stop) {
    const tag = <u32>load<u8>(at);
    if ((tag & 7) != 2 || tag >= 0x80) return -1;
    if (tag == SAMPLE_TAG || tag == HISTOGRAM_TAG) items++;
    at = payload(at, stop);
    if (at == 0) return -1;
    at += payloadBytes;
  }
  return items;
}

/** Length of the payload found last. */
export let payloadBytes: usize = 0;

/** Where the payload of the field with a tag of one byte at `at` begins; 0 when it passes `end`. */
// @ts-ignore: decorator
@inline
export function payload(at: usize, end: usize): usize {
  let size = <usize>load<u8>(at, 1);
  let start = at + 2;
  for (let shift: usize = 7; size >> shift; shift += 7) {
    if (shift > 28 || start >= end) return 0;
    size = (size & ((1 << shift) - 1)) | (<usize>load<u8>(start++) << shift);
  }
  if (start > end || size > end - start) return 0;
  payloadBytes = size;
  return start;
}

/** Copies a range; up to fifteen bytes behind it are overwritten, and come later. */
// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, length: usize): void {
  if (length > 1024) {
    memory.copy(to, from, length);
    return;
  }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}
