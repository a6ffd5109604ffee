/** Which partition a key belongs to, by the hashes that consumers of other producers rely on. */

/** As an operator names them: of sarama and the OpenTelemetry Collector, and of the Java client. */
export type KeyHasher = 'sarama_compat' | 'murmur2';

/** The partition of `key` among `count`. */
export function partitionOf(key: Uint8Array, count: number, hasher: KeyHasher): number {
  if (hasher === 'murmur2') return (murmur2(key) & 0x7fff_ffff) % count;
  // The hash is a signed number there, and the remainder has its sign.
  return Math.abs((fnv1a(key) | 0) % count);
}

/** FNV-1a of 32 bits. */
function fnv1a(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  return hash;
}

const MIX = 0x5bd1e995;
const SEED = 0x9747b28c;

/** MurmurHash2 as the Java client has it. */
function murmur2(key: Uint8Array): number {
  const { length } = key;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> 24;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  const left = length - at;
  if (left >= 3) hash ^= key[at + 2]! << 16;
  if (left >= 2) hash ^= key[at + 1]! << 8;
  if (left >= 1) hash = Math.imul(hash ^ key[at]!, MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}
