import { ConnectionError, ERROR, FLAG, MAX_FRAME } from './protocol.ts';

/** A whole header block in `bytes[start..end)`. */
export interface HeaderBlock {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly endStream: boolean;
}

/** The payload of a frame, `bytes[start..end)`, with the flags of the frame. */
export interface Payload {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly flags: number;
}

const EMPTY = Buffer.alloc(0);
const PRIORITY_LENGTH = 5;

/** Joins HEADERS with their CONTINUATIONs, up to a bound. */
export class BlockReader {
  /** Stream of the block that is not whole yet, or 0. */
  open = 0;
  readonly #maxBytes: number;
  #endStream = false;
  #bytes: Buffer = EMPTY;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = Math.max(maxBytes, MAX_FRAME);
  }

  /** HEADERS: answers the block when it is whole. */
  start(id: number, { bytes, start: payloadStart, end: payloadEnd, flags }: Payload) {
    let start = payloadStart;
    let end = payloadEnd;
    if ((flags & FLAG.padded) !== 0) {
      end -= start < payloadEnd ? (bytes[start] ?? 0) : 0;
      start++;
    }
    // Stream Dependency (4 bytes), Weight (1 byte): nobody uses them any more.
    if ((flags & FLAG.priority) !== 0) start += PRIORITY_LENGTH;
    if (start > end) {
      throw new ConnectionError(ERROR.protocol, 'HEADERS have no room for their padding');
    }
    this.#endStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) return { bytes, start, end, endStream: this.#endStream };
    this.open = id;
    this.#append(bytes, start, end);
    return undefined;
  }

  /** CONTINUATION: answers the block when it is whole. */
  continue(id: number, { bytes, start, end, flags }: Payload): HeaderBlock | undefined {
    if (id === 0 || id !== this.open) {
      throw new ConnectionError(ERROR.protocol, 'a CONTINUATION without its HEADERS');
    }
    this.#append(bytes, start, end);
    if ((flags & FLAG.endHeaders) === 0) return undefined;
    const block = { bytes: this.#bytes, start: 0, end: this.#length, endStream: this.#endStream };
    this.open = 0;
    this.#bytes = EMPTY;
    this.#length = 0;
    return block;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#maxBytes) {
      throw new ConnectionError(ERROR.enhanceYourCalm, 'a header block without end');
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }
}
