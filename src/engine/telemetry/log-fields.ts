/**
 * What of a field may be shown. Fields come from all over the program, so this is the last
 * place where a secret or somebody's telemetry could slip into a line.
 */

const SECRET_NAME = /authorization|password|passwd|secret|token|api[-_]?key|cookie|credential/i;
const MAX_TEXT = 1024;
const MAX_ENTRIES = 32;
const MAX_DEPTH = 3;
const REDACTED = '[redacted]';

/** The fields with secrets redacted, bytes reduced to their number and long texts cut. */
export function showFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, MAX_ENTRIES)) {
    if (value !== undefined) shown[name] = SECRET_NAME.test(name) ? REDACTED : show(value, 1);
  }
  return shown;
}

/** The text with credentials in URLs redacted, cut to a length. */
export function showMessage(text: string): string {
  const safe = text.replace(/(\/\/)[^/\s@]+@/g, `$1${REDACTED}@`);
  return safe.length <= MAX_TEXT ? safe : `${safe.slice(0, MAX_TEXT)}…`;
}

function show(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return showMessage(value);
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : showObject(value, depth);
    default:
      return `[${typeof value}]`;
  }
}

function showObject(value: object, depth: number): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return showError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? `[${value.length} entries]` : '[object]';
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((one) => show(one, depth + 1));
  const shown: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value).slice(0, MAX_ENTRIES)) {
    shown[name] = SECRET_NAME.test(name) ? REDACTED : show(entry, depth + 1);
  }
  return shown;
}

/** A bug is only found by its stack; anything the world does has a code and a message. */
function showError(error: Error, depth: number): unknown {
  const text = 'code' in error ? error.message : (error.stack ?? error.message);
  if (error.cause === undefined || depth >= MAX_DEPTH) return showMessage(text);
  return { message: showMessage(text), cause: show(error.cause, depth + 1) };
}
