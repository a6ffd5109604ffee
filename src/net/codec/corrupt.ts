/** Compressed bytes that are not what they claim to be. The message says what is wrong. */
export class CorruptError extends Error {}
