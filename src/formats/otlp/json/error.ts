/** A body that is no valid OTLP/JSON request. */
export class OtlpJsonError extends Error {
  /** Where it went wrong: `resourceSpans[0].scopeSpans[0].spans[3].traceId`; empty at the top. */
  readonly path: string;
  /** The same place in bytes from the start of the body. */
  readonly offset: number;
  /** `too_large` when the request may be fine but is more than the caller wants to hold. */
  readonly fault: 'invalid' | 'too_large';

  constructor(what: string, path: string, place: Pick<OtlpJsonError, 'offset' | 'fault'>) {
    super(`cannot read OTLP/JSON at ${path === '' ? `byte ${place.offset}` : path}: ${what}`);
    this.name = 'OtlpJsonError';
    this.path = path;
    this.offset = place.offset;
    this.fault = place.fault;
  }
}

const MAX_KEY = 64;
const MAX_PATH = 400;

/**
 * The path of the value at `offset`. It reads the body a second time, so that the first reading
 * need not keep track; what comes before `offset` is well-formed because it has been read.
 */
export function pathAt(body: Uint8Array, offset: number): string {
  // Per open bracket: the index in an array, or the key in an object.
  const path: (string | number)[] = [];
  let stringStart = -1;
  let expectsKey = false;
  for (let at = 0; at < offset; at++) {
    const byte = body[at]!;
    if (stringStart >= 0) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) {
        if (expectsKey) path[path.length - 1] = keyOf(body.subarray(stringStart, at));
        expectsKey = false;
        stringStart = -1;
      }
      continue;
    }
    if (byte === 0x22) stringStart = at + 1;
    else if (byte === 0x7b) expectsKey = path.push('') > 0;
    else if (byte === 0x5b) expectsKey = path.push(0) === 0;
    else if (byte === 0x7d || byte === 0x5d) {
      path.pop();
      expectsKey = false;
    } else if (byte === 0x2c) {
      const last = path.at(-1);
      expectsKey = typeof last === 'string';
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    }
  }
  let text = '';
  for (const part of path) {
    if (text.length > MAX_PATH) return `${text}…`;
    if (typeof part === 'number') text += `[${part}]`;
    else if (part !== '') text += text === '' ? part : `.${part}`;
  }
  return text;
}

function keyOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.length > MAX_KEY ? key.subarray(0, MAX_KEY) : key);
}
