import { BlockReader, type HeaderBlock, type Payload } from './block-reader.ts';
import {
  ConnectionError,
  ERROR,
  FLAG,
  FRAME,
  FRAME_HEADER,
  MAX_FRAME,
  PREFACE,
} from './protocol.ts';

/** Who is told of the frames of a connection. Buffers are valid during the call only. */
export interface FrameSink {
  /** Settings in `bytes[start..end)`, six bytes each. */
  settings(bytes: Buffer, start: number, end: number): void;
  /** Eight opaque bytes from `at`. */
  ping(bytes: Buffer, at: number): void;
  pong(bytes: Buffer, at: number): void;
  goaway(): void;
  reset(id: number): void;
  windowUpdate(id: number, increment: number): void;
  /** A whole header block, continuations joined. */
  headers(id: number, block: HeaderBlock): void;
  /** A DATA frame begins; all of `length` counts for the windows. */
  dataStarts(id: number, length: number): void;
  /** Part of the DATA frame that began last. */
  data(bytes: Buffer, start: number, end: number): void;
  dataEnds(endStream: boolean): void;
  /** A frame that is wrong, at the cost of its stream. */
  streamError(id: number, code: number): void;
  /** A frame that costs the server something and nobody needs many of. */
  idle(): void;
}

const HELD_CAPACITY = 256;
const TYPE = 3;
const FLAGS = 4;
const ID = 5;

/**
 * Cuts what a client sends into frames. Frames that are whole in a chunk are read in place, DATA
 * is passed on as it comes, and only what is cut by the end of a chunk is held, at most one frame.
 * Throws `ConnectionError`; after that, and after `stop`, further bytes are ignored.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #blocks: BlockReader;
  #prefaceRead = 0;
  #settled = false;
  #stopped = false;
  #held: Buffer = Buffer.alloc(0);
  #heldLength = 0;
  #dataLeft = 0;
  #paddingLeft = 0;
  #dataEndsStream = false;

  /** `maxBlock` bounds a header block, as it is on the wire. */
  constructor(sink: FrameSink, maxBlock: number) {
    this.#sink = sink;
    this.#blocks = new BlockReader(maxBlock);
  }

  /** Reads no further. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes what came off the wire. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      if (this.#dataLeft + this.#paddingLeft > 0) at = this.#readData(chunk, at);
      else if (this.#heldLength > 0) at = this.#fill(chunk, at);
      else if (this.#prefaceRead < PREFACE.length) at = this.#readPreface(chunk, at);
      else at = this.#readFrame(chunk, at);
    }
  }

  #readPreface(chunk: Buffer, from: number): number {
    const end = Math.min(chunk.length, from + PREFACE.length - this.#prefaceRead);
    for (let at = from; at < end; at++) {
      if (chunk[at] !== PREFACE[this.#prefaceRead++]) throw protocol('this is not HTTP/2');
    }
    return end;
  }

  #readFrame(chunk: Buffer, at: number): number {
    const left = chunk.length - at;
    if (left >= FRAME_HEADER) {
      const unit = this.#unitLength(chunk, at);
      if (left >= unit) {
        this.#act(chunk, at);
        return at + unit;
      }
    }
    this.#hold(chunk, at, chunk.length);
    return chunk.length;
  }

  /** Continues the frame that is held. */
  #fill(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#heldLength < FRAME_HEADER) {
      const end = Math.min(chunk.length, at + FRAME_HEADER - this.#heldLength);
      this.#hold(chunk, at, end);
      at = end;
      if (this.#heldLength < FRAME_HEADER) return at;
    }
    const unit = this.#unitLength(this.#held, 0);
    const end = Math.min(chunk.length, at + unit - this.#heldLength);
    this.#hold(chunk, at, end);
    if (this.#heldLength === unit) {
      this.#heldLength = 0;
      this.#act(this.#held, 0);
      if (this.#held.length > HELD_CAPACITY) this.#held = Buffer.alloc(0);
    }
    return end;
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const length = this.#heldLength + end - start;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, HELD_CAPACITY, this.#held.length * 2));
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldLength, start, end);
    this.#heldLength = length;
  }

  /** Bytes that have to be there at once: a frame, or as much of DATA as tells its padding. */
  #unitLength(bytes: Buffer, at: number): number {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes[at + TYPE];
    if (length > MAX_FRAME) {
      throw new ConnectionError(
        ERROR.frameSize,
        `a frame of ${length} bytes; at most ${MAX_FRAME}`,
      );
    }
    if (!this.#settled) {
      if (type !== FRAME.settings || ((bytes[at + FLAGS] ?? 0) & FLAG.ack) !== 0) {
        throw protocol('the first frame is not SETTINGS');
      }
      this.#settled = true;
    }
    if (this.#blocks.open > 0 && type !== FRAME.continuation) {
      throw protocol('a header block is interrupted');
    }
    if (type !== FRAME.data) return FRAME_HEADER + length;
    const padded = ((bytes[at + FLAGS] ?? 0) & FLAG.padded) !== 0;
    return FRAME_HEADER + (padded && length > 0 ? 1 : 0);
  }

  #act(bytes: Buffer, at: number): void {
    const length = bytes.readUIntBE(at, 3);
    const flags = bytes[at + FLAGS] ?? 0;
    const id = bytes.readUInt32BE(at + ID) & 0x7fffffff;
    const start = at + FRAME_HEADER;
    switch (bytes[at + TYPE]) {
      case FRAME.data:
        this.#startData(id, length, (flags & FLAG.padded) === 0 ? -1 : (bytes[start] ?? 0));
        this.#dataEndsStream = (flags & FLAG.endStream) !== 0;
        if (this.#dataLeft + this.#paddingLeft === 0) this.#sink.dataEnds(this.#dataEndsStream);
        return;
      case FRAME.headers:
        if (id === 0) throw protocol('HEADERS without a stream');
        this.#blockRead(id, this.#blocks.start(id, { bytes, start, end: start + length, flags }));
        return;
      case FRAME.continuation:
        if (length === 0) this.#sink.idle();
        this.#blockRead(
          id,
          this.#blocks.continue(id, { bytes, start, end: start + length, flags }),
        );
        return;
      case FRAME.settings:
        this.#settings({ bytes, start, end: start + length, flags }, id);
        return;
      case FRAME.priority:
        if (id === 0) throw protocol('PRIORITY without a stream');
        if (length !== 5) this.#sink.streamError(id, ERROR.frameSize);
        else this.#sink.idle();
        return;
      case FRAME.pushPromise:
        throw protocol('a client cannot push');
      default:
        this.#actSmall(bytes, at, { id, length, flags });
    }
  }

  /** Frames with a few fixed bytes. */
  #actSmall(
    bytes: Buffer,
    at: number,
    { id, length, flags }: { readonly id: number; readonly length: number; readonly flags: number },
  ): void {
    const start = at + FRAME_HEADER;
    switch (bytes[at + TYPE]) {
      case FRAME.reset:
        if (id === 0) throw protocol('RST_STREAM without a stream');
        expectLength(length, 4);
        this.#sink.reset(id);
        return;
      case FRAME.ping:
        if (id !== 0) throw protocol('PING on a stream');
        expectLength(length, 8);
        if ((flags & FLAG.ack) !== 0) this.#sink.pong(bytes, start);
        else this.#sink.ping(bytes, start);
        return;
      case FRAME.goaway:
        if (id !== 0) throw protocol('GOAWAY on a stream');
        if (length < 8) expectLength(length, 8);
        this.#sink.goaway();
        return;
      case FRAME.windowUpdate:
        expectLength(length, 4);
        this.#sink.windowUpdate(id, bytes.readUInt32BE(start) & 0x7fffffff);
        return;
      default:
        // Frames of extensions nobody negotiated are ignored.
        this.#sink.idle();
    }
  }

  #blockRead(id: number, block: HeaderBlock | undefined): void {
    if (block !== undefined) this.#sink.headers(id, block);
  }

  #settings({ bytes, start, end, flags }: Payload, id: number): void {
    if (id !== 0) throw protocol('SETTINGS on a stream');
    if ((flags & FLAG.ack) !== 0) {
      expectLength(end - start, 0);
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError(ERROR.frameSize, 'SETTINGS are cut');
    this.#sink.settings(bytes, start, end);
  }

  #startData(id: number, length: number, padding: number): void {
    if (id === 0) throw protocol('DATA without a stream');
    if (padding >= 0 && padding >= length) throw protocol('DATA is nothing but padding');
    this.#sink.dataStarts(id, length);
    this.#paddingLeft = Math.max(0, padding);
    this.#dataLeft = padding < 0 ? length : length - 1 - padding;
  }

  #readData(chunk: Buffer, at: number): number {
    let end = at;
    if (this.#dataLeft > 0) {
      end = Math.min(chunk.length, at + this.#dataLeft);
      this.#dataLeft -= end - at;
      this.#sink.data(chunk, at, end);
    } else {
      end = Math.min(chunk.length, at + this.#paddingLeft);
      this.#paddingLeft -= end - at;
    }
    if (this.#dataLeft + this.#paddingLeft === 0) this.#sink.dataEnds(this.#dataEndsStream);
    return end;
  }
}

function protocol(message: string): ConnectionError {
  return new ConnectionError(ERROR.protocol, message);
}

function expectLength(length: number, expected: number): void {
  if (length === expected) return;
  throw new ConnectionError(ERROR.frameSize, `a frame of ${length} bytes; expected ${expected}`);
}
