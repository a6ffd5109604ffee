import type { Socket } from 'node:net';
import { DEFAULT_WINDOW, FLAG, FRAME, FRAME_HEADER, MAX_FRAME, MAX_WINDOW } from './protocol.ts';

/** An answer on its way, and the window its stream has for it. */
export interface Outgoing {
  readonly id: number;
  sendWindow: number;
  /** What has not been sent of the answer; undefined before the answer and after it. */
  unsent: Unsent | undefined;
  /** Called once all of the answer was handed to the socket. */
  sent(): void;
}

/** A body of which `at` bytes have left, and the header block that follows it. */
export interface Unsent {
  readonly body: Uint8Array;
  at: number;
  readonly trailers: Buffer | undefined;
}

/** Runs tasks at the end of the event loop's turn, each once however often it is asked for. */
export class TurnEnd {
  #tasks: (() => void)[] = [];
  readonly #run = () => {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
  };

  add(task: () => void): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#run);
  }
}

const CAPACITY = 1024;
/** A turn's frames beyond this leave before the turn ends. */
const FULL = 256 * 1024;

/**
 * Frames to one client. They are gathered and leave in one write at the end of the event loop's
 * turn; bodies wait here for the client's windows.
 */
export class Outbox {
  /** Whether the socket took so little that nothing more should be produced for now. */
  blocked = false;
  readonly #socket: Socket;
  readonly #turn: TurnEnd;
  readonly #flush = () => this.flush();
  #bytes: Buffer | undefined;
  #length = 0;
  #scheduled = false;
  #window = DEFAULT_WINDOW;
  #initialWindow = DEFAULT_WINDOW;
  #maxFrame = MAX_FRAME;
  readonly #waiting = new Set<Outgoing>();

  constructor(socket: Socket, turn: TurnEnd) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /** Window a new stream begins with. */
  get initialWindow(): number {
    return this.#initialWindow;
  }

  set maxFrame(bytes: number) {
    this.#maxFrame = bytes;
  }

  /** A frame with a small payload, given as bytes. */
  frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const bytes = this.#room(FRAME_HEADER + payload.length);
    const at = this.#header(bytes, { type, flags, id, length: payload.length });
    bytes.set(payload, at);
    this.#length = at + payload.length;
  }

  /** A frame whose payload is one number of 32 bits. */
  number(type: number, id: number, value: number): void {
    const bytes = this.#room(FRAME_HEADER + 4);
    this.#length = bytes.writeUInt32BE(
      value,
      this.#header(bytes, { type, flags: 0, id, length: 4 }),
    );
  }

  /** A whole answer. `unsent` of the stream waits for windows when they are too small. */
  answer(to: Outgoing, head: Buffer, body: Uint8Array, trailers: Buffer | undefined): void {
    const whole = body.length === 0 && trailers === undefined;
    this.#block(to.id, head, whole);
    if (whole) {
      to.sent();
      return;
    }
    to.unsent = { body, at: 0, trailers };
    this.#continue(to);
  }

  /** The stream is gone, with what it had to say. */
  forget(stream: Outgoing): void {
    stream.unsent = undefined;
    this.#waiting.delete(stream);
  }

  /** More window for all streams. False when it is more than there can be. */
  widen(increment: number): boolean {
    this.#window += increment;
    if (this.#window > MAX_WINDOW) return false;
    for (const stream of this.#waiting) this.#continue(stream);
    return true;
  }

  /** More window for a stream. False when it is more than there can be. */
  widenStream(stream: Outgoing, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) return false;
    if (stream.unsent !== undefined) this.#continue(stream);
    return true;
  }

  /** Another initial window changes that of all streams. False when one becomes too large. */
  setInitialWindow(size: number, streams: Iterable<Outgoing>): boolean {
    const more = size - this.#initialWindow;
    this.#initialWindow = size;
    for (const stream of streams) {
      if (!this.widenStream(stream, more)) return false;
    }
    return true;
  }

  /** Hands all that was gathered to the socket. */
  flush(): void {
    this.#scheduled = false;
    if (this.#length === 0) return;
    const bytes = this.#bytes?.subarray(0, this.#length);
    this.#bytes = undefined;
    this.#length = 0;
    if (bytes === undefined || !this.#socket.writable) return;
    if (!this.#socket.write(bytes)) this.blocked = true;
  }

  /** Sends as much of a body as the windows allow, and then what follows it. */
  #continue(stream: Outgoing): void {
    const { unsent } = stream;
    if (unsent === undefined) return;
    const { body, trailers } = unsent;
    while (unsent.at < body.length) {
      const length = Math.min(
        body.length - unsent.at,
        this.#window,
        stream.sendWindow,
        this.#maxFrame,
      );
      if (length <= 0) {
        this.#waiting.add(stream);
        return;
      }
      this.#window -= length;
      stream.sendWindow -= length;
      const end = unsent.at + length;
      const last = end === body.length && trailers === undefined;
      const flags = last ? FLAG.endStream : 0;
      const piece = end - unsent.at === body.length ? body : body.subarray(unsent.at, end);
      this.frame(FRAME.data, flags, stream.id, piece);
      unsent.at = end;
    }
    if (trailers !== undefined) this.#block(stream.id, trailers, true);
    this.forget(stream);
    stream.sent();
  }

  /** A header block; what does not fit a frame is continued. */
  #block(id: number, block: Buffer, endStream: boolean): void {
    const end = endStream ? FLAG.endStream : 0;
    if (block.length <= this.#maxFrame) {
      this.frame(FRAME.headers, FLAG.endHeaders | end, id, block);
      return;
    }
    this.frame(FRAME.headers, end, id, block.subarray(0, this.#maxFrame));
    for (let at = this.#maxFrame; at < block.length; at += this.#maxFrame) {
      const last = at + this.#maxFrame >= block.length;
      const piece = block.subarray(at, at + this.#maxFrame);
      this.frame(FRAME.continuation, last ? FLAG.endHeaders : 0, id, piece);
    }
  }

  /** Writes a frame's header; answers where its payload goes. */
  #header(
    bytes: Buffer,
    of: {
      readonly type: number;
      readonly flags: number;
      readonly id: number;
      readonly length: number;
    },
  ): number {
    const at = this.#length;
    bytes[at] = of.length >> 16;
    bytes[at + 1] = of.length >> 8;
    bytes[at + 2] = of.length;
    bytes[at + 3] = of.type;
    bytes[at + 4] = of.flags;
    bytes[at + 5] = of.id >> 24;
    bytes[at + 6] = of.id >> 16;
    bytes[at + 7] = of.id >> 8;
    bytes[at + 8] = of.id;
    return at + FRAME_HEADER;
  }

  /** Where the next frame goes. The caller fills `length` bytes of it. */
  #room(length: number): Buffer {
    if (this.#length > FULL) this.flush();
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#turn.add(this.#flush);
    }
    const needed = this.#length + length;
    if (this.#bytes !== undefined && needed <= this.#bytes.length) return this.#bytes;
    const grown = Buffer.allocUnsafe(Math.max(CAPACITY, needed * 2));
    this.#bytes?.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    return grown;
  }
}
