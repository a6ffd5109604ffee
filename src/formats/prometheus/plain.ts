/**
 * What is known of chunks of the form: those that are requests of remote-write 1.0 as they are, with samples
 * and nothing else, under names that it allows. Whoever makes a chunk may note it, whoever sends one is spared
 * to look. It is no part of a chunk: what crosses threads or waits on disk is looked at again.
 */
const samplesOf = new WeakMap<Uint8Array, number>();

/** Notes that the chunk is a request of 1.0 as it is, with that many samples. */
export function notePlain(chunk: Uint8Array, samples: number): void {
  samplesOf.set(chunk, samples);
}

/** Samples of a chunk that was noted. */
export function plainSamples(chunk: Uint8Array): number | undefined {
  return samplesOf.get(chunk);
}
