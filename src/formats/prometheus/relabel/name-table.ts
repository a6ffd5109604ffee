import { LabelName } from './label-name.ts';

const SLOTS = 1024;
const MAX_BYTES = 128;

/**
 * Names of labels by their bytes, so that the few names there are become text once. One name per
 * slot: of two that fall together the later stays.
 */
export class NameTable {
  readonly #slots: (LabelName | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  /** The name in valid UTF-8 from `start` to `end`. */
  find(bytes: Uint8Array, start: number, end: number): LabelName {
    if (end - start > MAX_BYTES) return nameOf(bytes, start, end);
    let hash = end - start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isNamed(known, bytes, start, end)) return known;
    const name = nameOf(bytes, start, end);
    this.#slots[slot] = name;
    return name;
  }
}

function nameOf(bytes: Uint8Array, start: number, end: number): LabelName {
  return new LabelName(decoder.decode(bytes.subarray(start, end)));
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Whether the bytes from `start` to `end` are that name. */
// oxlint-disable-next-line max-params -- one call per label: an object would be an allocation
export function isNamed(name: LabelName, bytes: Uint8Array, start: number, end: number): boolean {
  const wanted = name.bytes;
  if (wanted.length !== end - start) return false;
  for (let i = 0; i < wanted.length; i++) if (wanted[i] !== bytes[start + i]) return false;
  return true;
}
