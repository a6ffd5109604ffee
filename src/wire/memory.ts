/**
 * Memory of messages that goes round instead of to the garbage collector.
 *
 * A message of 200 kB in an `ArrayBuffer` of its own is external memory to V8, and every 64 MB of
 * it start a major collection: at a thousand requests per second those took a third of all CPU.
 * So buffers are counted and used again.
 *
 * - Who takes bytes holds them once. Who keeps bytes longer than the call that gave them
 *   (a queue does, a transform does not) retains them, and releases them when done.
 * - Bytes without a holder may be overwritten at any moment. While held they never change.
 * - To forget a release is safe: the buffer is collected as any other. To release too often is
 *   a bug and throws.
 *
 * Each thread has its own; a buffer that was transferred away is forgotten.
 */

type Bytes = Uint8Array<ArrayBuffer>;

const SMALLEST = 512;
const LARGEST = 16 * 1024 * 1024;
/** Free bytes kept at most, unless told otherwise. */
const DEFAULT_MAX_FREE = 16 * 1024 * 1024;
/** Sizes per power of two: at most a quarter of a buffer is slack. */
const STEPS = 4;

class RecycledBuffer extends ArrayBuffer {
  holders = 0;
  readonly sizeClass: number;

  constructor(byteLength: number, sizeClass: number) {
    super(byteLength);
    this.sizeClass = sizeClass;
  }
}

/** Free buffers of one size, the most recently used last; `idle` of them were not needed lately. */
interface Shelf {
  readonly free: RecycledBuffer[];
  idle: number;
}

const shelves: Shelf[] = [];
let freeBytes = 0;
let maxFreeBytes = DEFAULT_MAX_FREE;

/**
 * Keeps at most so many free bytes from now on. What is not kept is old garbage: until a major
 * collection comes, as much again is taken for new messages.
 */
export function limitFreeMemory(bytes: number): void {
  maxFreeBytes = bytes;
}

/** Bytes with arbitrary content, held once by the caller. */
export function takeBytes(length: number): Bytes {
  if (length < SMALLEST || length > LARGEST) return ownBytes(length);
  const sizeClass = classOf(length);
  const shelf = shelves[sizeClass];
  let buffer = shelf?.free.pop();
  if (buffer === undefined || shelf === undefined) {
    buffer = new RecycledBuffer(sizeOf(sizeClass), sizeClass);
  } else {
    freeBytes -= buffer.byteLength;
    shelf.idle = Math.min(shelf.idle, shelf.free.length);
  }
  buffer.holders = 1;
  return new Uint8Array(buffer, 0, length);
}

/** Bytes with arbitrary content that do not go round. */
export function ownBytes(length: number): Bytes {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

/** Keeps bytes beyond the call that gave them. */
export function retainBytes(bytes: Bytes): void {
  const { buffer } = bytes;
  if (buffer instanceof RecycledBuffer && buffer.holders > 0) buffer.holders += 1;
}

/** Lets go of bytes that were taken or retained; the caller never looks at them again. */
export function releaseBytes(bytes: Bytes): void {
  const { buffer } = bytes;
  if (!(buffer instanceof RecycledBuffer) || buffer.detached) return;
  if (buffer.holders === 0) throw new Error('bug: bytes released more often than held');
  buffer.holders -= 1;
  if (buffer.holders === 0 && freeBytes + buffer.byteLength <= maxFreeBytes) shelve(buffer);
}

/** Whether these bytes have more than one holder. Of those that do not go round nobody knows. */
export function isShared({ buffer }: Bytes): boolean {
  return buffer instanceof RecycledBuffer && buffer.holders > 1;
}

/** Gives what was not needed since the last call to the garbage collector. Call every few seconds. */
export function trimMemory(): void {
  for (const shelf of shelves) {
    if (shelf === undefined) continue;
    for (const buffer of shelf.free.splice(0, shelf.idle)) freeBytes -= buffer.byteLength;
    shelf.idle = shelf.free.length;
  }
}

function shelve(buffer: RecycledBuffer): void {
  const shelf = (shelves[buffer.sizeClass] ??= { free: [], idle: 0 });
  shelf.free.push(buffer);
  freeBytes += buffer.byteLength;
}

/** The smallest class whose buffers hold `length` bytes. */
function classOf(length: number): number {
  const power = 31 - Math.clz32(length - 1);
  const step = 2 ** power / STEPS;
  return power * STEPS + Math.floor((length - 1 - 2 ** power) / step) + 1;
}

function sizeOf(sizeClass: number): number {
  const power = Math.floor((sizeClass - 1) / STEPS);
  return 2 ** power + (((sizeClass - 1) % STEPS) + 1) * (2 ** power / STEPS);
}

/** `retainBytes` for a list. */
export function retainAll(list: readonly Bytes[]): void {
  for (const bytes of list) retainBytes(bytes);
}

/** `releaseBytes` for a list, except what lies in the buffers of `kept`. */
export function releaseAll(list: readonly Bytes[], kept: readonly Bytes[] = []): void {
  for (const bytes of list) {
    if (!kept.some(({ buffer }) => buffer === bytes.buffer)) releaseBytes(bytes);
  }
}
