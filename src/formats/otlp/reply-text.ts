/** Replies larger than this are not read: OTLP's limit for both sides. */
export const MAX_REPLY_BYTES = 4 * 1024 * 1024;

const MAX_MESSAGE_LENGTH = 2048;

/** A message short enough for a reply, a trailer and a log line; never cut inside a character. */
export function clipMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message.toWellFormed();
  return `${message.slice(0, MAX_MESSAGE_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '')}…`.toWellFormed();
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A reply that must be a JSON object. Throws on anything else. */
export function parseJsonReply(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isRecord(value)) throw new Error('it is no JSON object');
  return value;
}
