import type { HttpHead } from '../http.ts';

/** Why a head is not HTTP/1.1 as we speak it: the status to answer before closing. */
export class HeadError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `method target HTTP/1.x`; the target in origin, absolute or asterisk form. */
const REQUEST_LINE = /^([A-Z]{1,32}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;

/** Every header line: a token, a colon at once, no control characters, no folding. */
const HEADER_LINES = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;

const MAX_HEADERS = 256;
const NONE: readonly string[] = [];

/** How the body of a request is delimited. */
export type Framing = 'none' | 'length' | 'chunked';

/**
 * The head of an HTTP/1 request. Strict on purpose: what two parsers could read differently is
 * refused, because it is how requests are smuggled past a proxy.
 */
export class RequestHead implements HttpHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headerNames: string[] = [];
  readonly clientAddress?: string;
  readonly headers: (name: string) => readonly string[];
  readonly framing: Framing;
  /** Of the body; 0 unless `framing` is `length`. */
  readonly contentLength: number;
  /** Whether the client keeps the connection for another request. */
  readonly keepAlive: boolean;
  readonly http10: boolean;
  readonly expectsContinue: boolean;
  readonly #values: string[] = [];

  /** `text` is the head with the line end of its last line, without the empty line. */
  constructor(text: string, clientAddress: string | undefined) {
    const lineEnd = text.indexOf('\r\n');
    const line = REQUEST_LINE.exec(text.slice(0, lineEnd));
    if (line === null) throw new HeadError(400, 'the request line is not HTTP/1.1');
    this.method = line[1] ?? '';
    this.http10 = line[3] === '0';
    const target = pathOf(line[2] ?? '');
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.query = question < 0 ? '' : target.slice(question + 1);
    this.#readHeaders(text.slice(lineEnd + 2));
    this.headers = (name) => this.#find(name);
    if (clientAddress !== undefined) this.clientAddress = clientAddress;

    const hosts = this.#find('host').length;
    if (hosts > 1 || (hosts === 0 && !this.http10)) {
      throw new HeadError(400, `expected one host header, got ${hosts}`);
    }
    const length = this.#contentLength();
    const chunked = this.#chunked();
    if (chunked && length !== undefined) {
      throw new HeadError(400, 'content-length and transfer-encoding exclude each other');
    }
    this.contentLength = length ?? 0;
    this.framing = chunked ? 'chunked' : this.contentLength > 0 ? 'length' : 'none';
    const connection = this.#find('connection').join(',').toLowerCase();
    this.keepAlive = this.http10
      ? connection.includes('keep-alive')
      : !/(?:^|[,\s])close(?:$|[,\s])/.test(connection);
    this.expectsContinue = this.#expectsContinue();
  }

  #readHeaders(lines: string): void {
    if (!HEADER_LINES.test(lines)) throw new HeadError(400, 'a header line is malformed');
    let at = 0;
    while (at < lines.length) {
      const colon = lines.indexOf(':', at);
      const end = lines.indexOf('\r\n', colon);
      this.headerNames.push(lines.slice(at, colon).toLowerCase());
      this.#values.push(lines.slice(colon + 1, end).trim());
      at = end + 2;
    }
    if (this.headerNames.length > MAX_HEADERS) {
      throw new HeadError(431, `more than ${MAX_HEADERS} headers`);
    }
  }

  #find(name: string): readonly string[] {
    let at = this.headerNames.indexOf(name);
    if (at < 0) return NONE;
    const found = [this.#values[at] ?? ''];
    for (at = this.headerNames.indexOf(name, at + 1); at >= 0; ) {
      found.push(this.#values[at] ?? '');
      at = this.headerNames.indexOf(name, at + 1);
    }
    return found;
  }

  #contentLength(): number | undefined {
    const values = this.#find('content-length');
    const first = values[0];
    if (first === undefined) return undefined;
    if (values.length > 1 || !/^\d{1,15}$/.test(first)) {
      throw new HeadError(400, 'content-length is not one number');
    }
    return Number(first);
  }

  #chunked(): boolean {
    const values = this.#find('transfer-encoding');
    if (values.length === 0) return false;
    if (this.http10) throw new HeadError(400, 'HTTP/1.0 has no transfer-encoding');
    if (values.length > 1 || values[0]?.toLowerCase() !== 'chunked') {
      throw new HeadError(501, 'the only transfer-encoding here is chunked');
    }
    return true;
  }

  #expectsContinue(): boolean {
    const expect = this.#find('expect')[0]?.toLowerCase();
    if (expect === undefined) return false;
    if (expect !== '100-continue') throw new HeadError(417, 'expected only 100-continue');
    return !this.http10;
  }
}

/** The content type that a head names which may not be well-formed or whole. */
export function contentTypeIn(text: string): string | undefined {
  return /\ncontent-type:[ \t]*([^\r\n]*)/i.exec(text)?.[1];
}

function pathOf(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const absolute = /^https?:\/\/[^/?#]+(\/[^#]*)?$/i.exec(target);
  if (absolute === null) throw new HeadError(400, 'the request target is not a path');
  return absolute[1] ?? '/';
}
