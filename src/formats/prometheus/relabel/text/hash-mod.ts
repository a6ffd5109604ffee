import { createHash } from 'node:crypto';

/**
 * The last eight bytes of the MD5 of a text, as a big-endian number, modulo `modulus`, in decimal.
 */
export function hashMod(text: string, modulus: bigint): string {
  // MD5 is what the rule is defined by, no protection.
  const digest = createHash('md5').update(text, 'utf8').digest();
  return (digest.readBigUInt64BE(8) % modulus).toString();
}
