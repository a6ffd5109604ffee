import type { Field } from './hpack/decoder.ts';
import { HeaderDecoder } from './hpack/decoder.ts';

/** The head of a request. Requests with the same header block share one. */
export class RequestHead {
  readonly method: string;
  /** Path with its query. */
  readonly target: string;
  /** Announced length of the body, or -1. */
  readonly contentLength: number;
  /** Lower-case names without pseudo headers, in order, with repetitions. */
  readonly names: readonly string[];
  readonly #values: readonly string[];
  #derived: unknown;

  /** Only for the heads that `headOf` found well formed. */
  constructor(method: string, target: string, regular: readonly Field[]) {
    this.method = method;
    this.target = target;
    this.names = regular.map((field) => field.name);
    this.#values = regular.map((field) => field.value);
    this.contentLength = Number(this.first('content-length') ?? -1);
  }

  /** All values of a header, by lower-case name. */
  readonly values = (name: string): readonly string[] => {
    const { names } = this;
    let at = names.indexOf(name);
    if (at < 0) return NONE;
    const found = [this.#values[at] ?? ''];
    for (at = names.indexOf(name, at + 1); at >= 0; at = names.indexOf(name, at + 1)) {
      found.push(this.#values[at] ?? '');
    }
    return found;
  };

  first(name: string): string | undefined {
    const at = this.names.indexOf(name);
    return at < 0 ? undefined : this.#values[at];
  }

  /** What the protocol above makes of this head: made once, then kept with it. */
  derive<T>(make: (head: RequestHead) => T): T {
    this.#derived ??= make(this);
    return this.#derived as T;
  }
}

const NONE: readonly string[] = [];

/** Headers that belong to one connection of HTTP/1 and make a request of HTTP/2 malformed. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const PSEUDO_HEADERS: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);

/** The head that these fields are, or undefined when they are malformed, RFC 9113 section 8. */
function headOf(fields: readonly Field[]): RequestHead | undefined {
  const pseudo: Record<string, string> = {};
  const regular: Field[] = [];
  let announced = 0;
  for (const field of fields) {
    const { name, value } = field;
    if (!field.wellFormed || CONNECTION_HEADERS.has(name)) return undefined;
    if (name.startsWith(':')) {
      if (regular.length > 0 || !PSEUDO_HEADERS.has(name) || name in pseudo) return undefined;
      pseudo[name] = value;
      continue;
    }
    if (name === 'te' && value !== 'trailers') return undefined;
    if (name === 'content-length' && (announced++ > 0 || !/^\d{1,15}$/.test(value))) {
      return undefined;
    }
    regular.push(field);
  }
  const { ':method': method, ':scheme': scheme, ':path': path } = pseudo;
  if (!method || !scheme || !path) return undefined;
  return new RequestHead(method, path, regular);
}

/** Whether these fields can be trailers. */
function areTrailers(fields: readonly Field[]): boolean {
  return fields.every((field) => field.wellFormed && !field.name.startsWith(':'));
}

/** A header block: what it is, or how it is wrong. */
export type Block = RequestHead | 'malformed' | 'too_large';

interface Kept {
  readonly bytes: Buffer;
  readonly generation: number;
  readonly head: RequestHead;
}

/** More headers than this are too large, however short. */
const MAX_FIELDS = 256;
/** Blocks kept for a connection: it carries a few kinds of calls. */
const KEPT = 4;
const MAX_KEPT_BYTES = 512;

/**
 * Reads the heads of one connection. Clients send a block of indexes again and again: as long as
 * the table stays, equal bytes are the same head and are not decoded.
 */
export class HeadReader {
  readonly #decoder = new HeaderDecoder();
  readonly #limits: { readonly maxBytes: number; readonly maxFields: number };
  readonly #kept: Kept[] = [];
  #replace = 0;

  constructor(maxBytes: number) {
    this.#limits = { maxBytes, maxFields: MAX_FIELDS };
  }

  /** The head in `block[start..end)`. Throws a `ConnectionError` when it is no header block. */
  read(block: Buffer, start: number, end: number): Block {
    for (const kept of this.#kept) {
      if (kept.generation === this.#decoder.generation && isAt(kept.bytes, block, start, end)) {
        return kept.head;
      }
    }
    const { generation } = this.#decoder;
    const fields = this.#decoder.decode(block, { start, end }, this.#limits);
    if (fields === undefined) return 'too_large';
    const head = headOf(fields);
    if (head === undefined) return 'malformed';
    if (generation === this.#decoder.generation && end - start <= MAX_KEPT_BYTES) {
      this.#kept[this.#replace] = {
        bytes: Buffer.from(block.subarray(start, end)),
        generation,
        head,
      };
      this.#replace = (this.#replace + 1) % KEPT;
    }
    return head;
  }

  /** Whether the block can be trailers. It is read for the table's sake in any case. */
  readTrailers(block: Buffer, start: number, end: number): boolean {
    const fields = this.#decoder.decode(block, { start, end }, this.#limits);
    return fields !== undefined && areTrailers(fields);
  }
}

function isAt(bytes: Buffer, block: Buffer, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== block[start + at]) return false;
  }
  return true;
}
