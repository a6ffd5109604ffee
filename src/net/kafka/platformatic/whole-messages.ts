/**
 * Reading responses of brokers whole. The library keeps what a socket gives in pieces of 64 KiB,
 * each of them memory of its own, and copies every record out of them. Here the pieces come through
 * one buffer into memory that goes round, and the library sees one message at a time, of which
 * records are views.
 */
import type { Broker, ConnectionPool } from '@platformatic/kafka';
import type { Socket } from 'node:net';
import { takeBytes } from '../../../wire/memory.ts';

type Bytes = Uint8Array<ArrayBuffer>;

type Receive = (bytes: Buffer) => void;

/** What lies under a socket; the method is there in the Node releases that can do this. */
interface Handle {
  readonly useUserBuffer?: (buffer: Buffer) => void;
}

const CAPACITY = 256 * 1024;
const LENGTH_BYTES = 4;
/** What says to be larger is no message, and the library's to refuse. */
const LARGEST = 128 * 1024 * 1024;
/** Windows fills buffers before it says so: there every socket would need one of its own. */
const CAN_SHARE = process.platform !== 'win32';

let shared: Buffer | undefined;

/** The responses of brokers, on connections that carry one request at a time. */
export class WholeMessages {
  readonly #last = new Map<string, Bytes>();

  /** Of all connections that `pool` makes from now on. */
  constructor(pool: ConnectionPool) {
    pool.on('connect', ({ broker, connection }) => {
      const key = keyOf(broker);
      readWhole(connection.socket, (message, pass) => {
        this.#last.set(key, message);
        pass(Buffer.from(message.buffer, 0, message.length));
      });
    });
  }

  /** The memory of the last response of a broker, which the caller then holds. */
  take(broker: Broker | undefined): Bytes | undefined {
    const key = broker === undefined ? '' : keyOf(broker);
    const message = this.#last.get(key);
    this.#last.delete(key);
    return message;
  }
}

/**
 * Has `take` called with every message that comes on a socket of the library, length and all, in
 * memory that it then holds; `pass` is how the library gets one.
 */
export function readWhole(socket: Socket, take: (message: Bytes, pass: Receive) => void): void {
  const listeners = socket.listeners('data') as Receive[];
  const pass: Receive = (bytes) => {
    for (const listener of listeners) listener.call(socket, bytes);
  };
  const messages = new Assembly((message) => take(message, pass), pass);
  readInto(socket, (bytes) => messages.add(bytes));
}

/** Puts messages together from pieces. */
class Assembly {
  readonly #take: (message: Bytes) => void;
  readonly #giveUp: Receive;
  readonly #head = Buffer.alloc(LENGTH_BYTES);
  #headLength = 0;
  #message: Bytes | undefined;
  #filled = 0;
  #isBroken = false;

  /** `giveUp` gets what is no message, and all after it, in memory of its own. */
  constructor(take: (message: Bytes) => void, giveUp: Receive) {
    this.#take = take;
    this.#giveUp = giveUp;
  }

  add(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#isBroken) return this.#giveUp(Buffer.from(bytes.subarray(at)));
      if (this.#message === undefined) at = this.#readHead(bytes, at);
      else at = this.#fill(this.#message, bytes, at);
    }
  }

  #readHead(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + LENGTH_BYTES - this.#headLength);
    bytes.copy(this.#head, this.#headLength, start, end);
    this.#headLength += end - start;
    if (this.#headLength < LENGTH_BYTES) return end;
    this.#headLength = 0;
    const length = this.#head.readUInt32BE(0);
    if (length > LARGEST) {
      this.#isBroken = true;
      this.#giveUp(Buffer.from(this.#head));
      return end;
    }
    this.#message = takeBytes(LENGTH_BYTES + length);
    this.#message.set(this.#head);
    this.#filled = LENGTH_BYTES;
    return end;
  }

  #fill(message: Bytes, bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + message.length - this.#filled);
    message.set(bytes.subarray(start, end), this.#filled);
    this.#filled += end - start;
    if (this.#filled === message.length) {
      this.#message = undefined;
      this.#take(message);
    }
    return end;
  }
}

/** Passes what a socket reads to `receive` only; the bytes are valid during the call. */
function readInto(socket: Socket, receive: Receive): void {
  socket.removeAllListeners('data');
  if (!readInPlace(socket, receive)) socket.on('data', receive);
  else socket.resume();
}

/**
 * Does what the `onread` option does, which is public for who makes the connection: the library
 * makes it, and has no such option. False where this Node keeps it elsewhere.
 */
function readInPlace(socket: Socket, receive: Receive): boolean {
  const inside = socket as unknown as Record<symbol, unknown> & {
    readonly _handle?: Handle | null;
  };
  const named = (name: string) =>
    Object.getOwnPropertySymbols(inside).find(({ description }) => description === name);
  const [into, taker] = [named('kBuffer'), named('kBufferCb')];
  const handle = inside._handle;
  if (!CAN_SHARE || into === undefined || taker === undefined) return false;
  if (typeof handle?.useUserBuffer !== 'function') return false;
  const buffer = (shared ??= Buffer.allocUnsafeSlow(CAPACITY));
  inside[into] = buffer;
  inside[taker] = (length: number) => {
    receive(buffer.subarray(0, length));
    return true;
  };
  handle.useUserBuffer(buffer);
  return true;
}

function keyOf({ host, port }: Broker): string {
  return `${host}:${port}`;
}
