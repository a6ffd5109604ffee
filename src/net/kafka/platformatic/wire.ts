/**
 * Large requests on connections of the library, beside its own. The library joins all bytes of a
 * request in memory of its own before it writes them; here they are written from where they are.
 */
import { type Connection, NetworkError, Reader, TimeoutError, Writer } from '@platformatic/kafka';
import type { Socket } from 'node:net';
import { releaseBytes } from '../../../wire/memory.ts';
import { readWhole } from './whole-messages.ts';

/** A request of the protocol in one version. */
export interface Api<T> {
  readonly key: number;
  readonly version: number;
  /** Whether heads end with tagged fields. */
  readonly compact: boolean;
  /** Reads a response behind its head, and keeps nothing of its bytes. */
  readonly parse: (correlationId: number, key: number, version: number, reader: Reader) => T;
}

/** What is asked. Bytes of the payload must not change until the answer is there. */
export interface Question {
  readonly clientId: string;
  readonly payload: Writer;
  /** An answer that takes longer ends the connection. */
  readonly timeoutMs: number;
  /** The broker does not answer. */
  readonly silent: boolean;
}

interface Pending {
  readonly answer: (reader: Reader) => void;
  readonly fail: (error: Error) => void;
}

/** Pieces up to this size are put together. */
const SMALL = 4096;
const ID_AT = 4;
const HEAD_BYTES = 8;
const SIGN = -(2 ** 31);

const wires = new WeakMap<Connection, Wire>();

/**
 * What carries requests on a connection that is logged in. First called while the library waits for
 * nothing on it.
 */
export function wireOf(connection: Connection): Wire {
  const known = wires.get(connection);
  if (known !== undefined) return known;
  const wire = new Wire(connection.socket);
  wires.set(connection, wire);
  return wire;
}

class Wire {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  /** Counts down from 0, where the library counts up. */
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    readWhole(socket, (message, pass) => {
      const bytes = Buffer.from(message.buffer, 0, message.length);
      const id = bytes.length < HEAD_BYTES ? 0 : bytes.readInt32BE(ID_AT);
      // What the library reads it may keep.
      if (id >= 0) return pass(bytes);
      this.#pending.get(id)?.answer(Reader.from(bytes.subarray(HEAD_BYTES)));
      releaseBytes(message);
    });
    socket.once('close', () => {
      for (const { fail } of this.#pending.values()) fail(new NetworkError('Connection closed'));
    });
  }

  /** What the broker answers; undefined when it does not and the request is written. */
  ask<T>(api: Api<T>, question: Question): Promise<T | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    if (!this.#socket.writable) {
      reject(new NetworkError('Connection closed'));
      return promise;
    }
    this.#lastId = (this.#lastId - 1) | SIGN;
    const id = this.#lastId;
    const timer = setTimeout(() => {
      fail(new TimeoutError('Request timed out'));
      this.#socket.destroy();
    }, question.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      this.#pending.delete(id);
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const answer = (reader: Reader): void => {
      settle();
      try {
        if (api.compact) reader.skip(1);
        resolve(api.parse(id, api.key, api.version, reader));
      } catch (error) {
        reject(error);
      }
    };
    this.#pending.set(id, { answer, fail });
    this.#write(requestOf(api, id, question), () => {
      if (!question.silent) return;
      settle();
      resolve(undefined);
    });
    return promise;
  }

  #write(pieces: readonly Buffer[], written: () => void): void {
    this.#socket.cork();
    pieces.forEach((piece, index) => {
      if (index < pieces.length - 1) this.#socket.write(piece);
      else this.#socket.write(piece, (error) => (error ? undefined : written()));
    });
    this.#socket.uncork();
  }
}

// Request => length int32, api_key int16, api_version int16, correlation_id int32, client_id,
//   and from the compact versions on tagged fields, then the payload.
function requestOf({ key, version, compact }: Api<unknown>, id: number, question: Question) {
  const writer = Writer.create().appendInt16(key).appendInt16(version).appendInt32(id);
  writer.appendString(question.clientId, false);
  if (compact) writer.appendTaggedFields();
  return joined(writer.appendFrom(question.payload).prependLength().buffers);
}

/** The same bytes in fewer pieces; large ones stay where they are. */
function joined(pieces: readonly Buffer[]): Buffer[] {
  const all: Buffer[] = [];
  let small: Buffer[] = [];
  for (const piece of pieces) {
    if (piece.length <= SMALL) {
      small.push(piece);
      continue;
    }
    if (small.length > 0) all.push(Buffer.concat(small));
    all.push(piece);
    small = [];
  }
  if (small.length > 0) all.push(Buffer.concat(small));
  return all;
}
