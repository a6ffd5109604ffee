/**
 * Reads HTTP/1.1 responses off a connection, one after the other. Strict: whatever could be read
 * in two ways is an error, because a connection that is out of step would give one request the
 * answer to another.
 *
 *   head -> length | close | chunk-size -> chunk-data -> chunk-end -> chunk-size ... trailer -> done
 */
import type { Bytes } from '../../contract/batch.ts';

/** A whole response. Header names are lower case; repeated ones are joined with a comma. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

/** Why a response is of no use. `too_large` is an answer; the others are not. */
export class ResponseError extends Error {
  readonly reason: 'bad_response' | 'response_too_large';

  constructor(reason: 'bad_response' | 'response_too_large', message: string) {
    super(message);
    this.reason = reason;
  }
}

type State = 'head' | 'length' | 'close' | 'size' | 'data' | 'data-end' | 'trailer' | 'done';

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_CHUNK_LINE = 1024;
const NONE: Buffer = Buffer.alloc(0);

/** One per connection; `reset` before each request. */
export class ResponseReader {
  readonly #maxBytes: number;
  #state: State = 'head';
  #held = NONE;
  #remaining = 0;
  #status = 0;
  #headers: Record<string, string> = {};
  #parts: Buffer[] = [];
  #length = 0;
  #persistent = true;
  #started = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a byte of the response is here. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether the connection may serve another request, as far as the response says. */
  get persistent(): boolean {
    return this.#persistent && this.#state === 'done' && this.#held.length === 0;
  }

  reset(): void {
    this.#state = 'head';
    this.#held = NONE;
    this.#parts = [];
    this.#length = 0;
    this.#persistent = true;
    this.#started = false;
  }

  /** Takes what arrived; true when the response is complete. Throws `ResponseError`. */
  push(bytes: Buffer): boolean {
    this.#started = true;
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#step());
    return this.#state === 'done';
  }

  /** The peer sent its last byte; true when that completes the response. */
  end(): boolean {
    this.#persistent = false;
    if (this.#state === 'close') this.#state = 'done';
    return this.#state === 'done';
  }

  /** The response, once complete. */
  take(): HttpResponse {
    const body = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      body.set(part, offset);
      offset += part.length;
    }
    this.#parts = [];
    return { status: this.#status, headers: this.#headers, body };
  }

  /** One transition; false when more bytes are needed or the response is complete. */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'length':
      case 'data':
        return this.#readBody();
      case 'close':
        this.#keep(this.#held);
        this.#held = NONE;
        return false;
      case 'size':
        return this.#readChunkSize();
      case 'data-end': {
        const line = this.#line(2);
        if (line === undefined) return false;
        if (line !== '') throw bad('a chunk is longer than it says');
        this.#state = 'size';
        return true;
      }
      case 'trailer': {
        const line = this.#line(MAX_HEAD_BYTES);
        if (line === undefined) return false;
        if (line === '') this.#state = 'done';
        return line !== '';
      }
      case 'done':
        return false;
    }
  }

  #readHead(): boolean {
    const end = this.#held.indexOf('\r\n\r\n');
    if (end < 0 || end > MAX_HEAD_BYTES) {
      if (this.#held.length > MAX_HEAD_BYTES) throw bad('its head is over 64 KiB');
      return false;
    }
    const lines = this.#held.toString('latin1', 0, end).split('\r\n');
    this.#held = this.#held.subarray(end + 4);
    const status = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(lines[0] ?? '');
    if (status === null) throw bad(`it begins with ${JSON.stringify(lines[0]?.slice(0, 40))}`);
    this.#status = Number(status[2]);
    if (this.#status === 101) throw bad('it switches protocols unasked');
    if (this.#status < 200) return true;
    this.#headers = parseHeaders(lines);
    const connection = (this.#headers['connection'] ?? '').toLowerCase();
    this.#persistent =
      status[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive');
    this.#frame();
    return this.#state !== 'done';
  }

  /** Chooses how the body ends. */
  #frame(): void {
    const coding = this.#headers['transfer-encoding'];
    const length = this.#headers['content-length'];
    if (this.#status === 204 || this.#status === 304) {
      this.#state = 'done';
    } else if (coding !== undefined) {
      if (coding.trim().toLowerCase() !== 'chunked') throw bad(`its transfer coding is ${coding}`);
      if (length !== undefined) this.#persistent = false;
      this.#state = 'size';
    } else if (length === undefined) {
      this.#persistent = false;
      this.#state = 'close';
    } else {
      if (!/^\d{1,15}$/.test(length)) throw bad(`its content-length is ${JSON.stringify(length)}`);
      this.#remaining = Number(length);
      if (this.#remaining > this.#maxBytes) throw tooLarge(this.#maxBytes);
      this.#state = this.#remaining === 0 ? 'done' : 'length';
    }
  }

  #readBody(): boolean {
    const taken = Math.min(this.#remaining, this.#held.length);
    this.#keep(this.#held.subarray(0, taken));
    this.#held = this.#held.subarray(taken);
    this.#remaining -= taken;
    if (this.#remaining > 0) return false;
    this.#state = this.#state === 'length' ? 'done' : 'data-end';
    return this.#state !== 'done';
  }

  #readChunkSize(): boolean {
    const line = this.#line(MAX_CHUNK_LINE);
    if (line === undefined) return false;
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line);
    if (size === null) throw bad(`a chunk size is ${JSON.stringify(line.slice(0, 40))}`);
    this.#remaining = Number.parseInt(size[1] ?? '', 16);
    this.#state = this.#remaining === 0 ? 'trailer' : 'data';
    return true;
  }

  #line(maxBytes: number): string | undefined {
    const end = this.#held.indexOf('\r\n');
    if (end > maxBytes || (end < 0 && this.#held.length > maxBytes))
      throw bad('a line is too long');
    if (end < 0) return undefined;
    const line = this.#held.toString('latin1', 0, end);
    this.#held = this.#held.subarray(end + 2);
    return line;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#maxBytes) throw tooLarge(this.#maxBytes);
    this.#parts.push(part);
  }
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon <= 0 || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
      throw bad(`a header line is ${JSON.stringify(line.slice(0, 40))}`);
    }
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    if (name === 'content-length' && before === value) continue;
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

function bad(why: string): ResponseError {
  return new ResponseError('bad_response', `the response is not HTTP/1.1: ${why}`);
}

function tooLarge(maxBytes: number): ResponseError {
  return new ResponseError('response_too_large', `the response is over ${maxBytes} bytes`);
}
