/**
 * Length: over 300 lines because it is one state machine, whose rules refer to each other. Frames,
 * header blocks, what is sent and the passing of time have files of their own.
 */
import type { Socket } from 'node:net';
import { onBytes } from '../listen/in-place.ts';
import { Allowance } from './allowance.ts';
import type { HeaderBlock } from './block-reader.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { encodeHeaders } from './hpack/encoder.ts';
import { Life, type SessionLimits } from './life.ts';
import { Outbox, type TurnEnd } from './outbox.ts';
import {
  ConnectionError,
  DEFAULT_WINDOW,
  ERROR,
  FLAG,
  FRAME,
  MAX_FRAME,
  MAX_STREAM_ID,
  MAX_WINDOW,
  SETTING,
} from './protocol.ts';
import { HeadReader, type RequestHead } from './request-head.ts';
import { RecentIds } from './recent-ids.ts';
import { Stream, type StreamHost } from './stream.ts';

/** What the connections of a server share. */
export interface ConnectionHost {
  readonly limits: SessionLimits;
  /** Time for a request to be whole; 0 for no limit. */
  readonly readTimeoutMs: number;
  readonly turn: TurnEnd;
  /** A request begins: gives it an exchange and starts that. Throws only when there is a bug. */
  open(stream: Stream): void;
  /** A bug. */
  failed(error: unknown): void;
  /** Told of what was refused before anyone was asked to serve it, as a status of HTTP. */
  refused?(status: number, message: string): void;
}

const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 16 * 1024 * 1024;
/** Resets of streams that a client is forgiven, and how many more each second. */
const RESET_BURST = 1000;
const RESETS_PER_SECOND = 100;
/** The same for frames that cost and do nothing; requests earn more of them. */
const IDLE_BURST = 1000;
const IDLE_PER_SECOND = 100;
const IDLE_PER_REQUEST = 10;
/** Time between the first and the last word of going away for a client that does not answer. */
const LAST_CALL_MS = 1000;
/** Time for a client to close after us. */
const LINGER_MS = 2000;
const NO_DEBUG = Buffer.alloc(0);
const TOO_MANY_PINGS = 'too_many_pings';
const KEEPALIVE_PING = Buffer.from('keepaliv');
const LAST_CALL_PING = Buffer.from('lastcall');
const TOO_LARGE = encodeHeaders([[':status', '431']]);

/**
 * One HTTP/2 connection of a server, RFC 9113 (23 to 33 us of CPU per gRPC call of 3 KB, where
 * node:http2 needs 103 to 152): states of streams, windows, and what ends it.
 *
 * - `open`:   requests are taken
 * - `asked`:  the client was told to go but not yet which request is the last
 * - `going`:  no further requests; ends when those in hand are answered
 * - `ended`:  the last frame was written; what arrives is ignored
 */
export class Http2Connection implements FrameSink, StreamHost {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #clientAddress: string | undefined;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #heads: HeadReader;
  readonly #life: Life;
  readonly #streams = new Map<number, Stream>();
  readonly #opened = new RecentIds();
  readonly #resetByUs = new RecentIds();
  readonly #resets = new Allowance(RESET_BURST, RESETS_PER_SECOND);
  readonly #idle = new Allowance(IDLE_BURST, IDLE_PER_SECOND);
  #state: 'open' | 'asked' | 'going' | 'ended' = 'open';
  #deadline = Number.POSITIVE_INFINITY;
  #lastId = 0;
  #receiveWindow = CONNECTION_WINDOW;
  #data: Stream | undefined;
  #dataLength = 0;

  constructor(socket: Socket, host: ConnectionHost, clientAddress: string | undefined) {
    const { limits } = host;
    this.#socket = socket;
    this.#host = host;
    this.#clientAddress = clientAddress;
    this.#reader = new FrameReader(this, limits.maxHeaderBytes);
    this.#outbox = new Outbox(socket, host.turn);
    this.#heads = new HeadReader(limits.maxHeaderBytes);
    this.#life = new Life(limits, Date.now());
    this.#outbox.frame(FRAME.settings, 0, 0, settingsOf(limits));
    this.#outbox.number(FRAME.windowUpdate, 0, CONNECTION_WINDOW - DEFAULT_WINDOW);
    onBytes(socket, (chunk) => this.receive(chunk));
    socket.on('drain', () => {
      this.#outbox.blocked = false;
      socket.resume();
    });
    socket.on('end', () => this.#inputEnded());
    socket.on('close', () => this.#gone());
  }

  /**
   * Says go away in two steps: first without a last stream, so that requests on the wire are
   * still served, then for good once the client must have seen it.
   */
  drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'asked';
    this.#deadline = Date.now() + LAST_CALL_MS;
    this.#goaway(MAX_STREAM_ID, ERROR.none, '');
    this.#outbox.frame(FRAME.ping, 0, 0, LAST_CALL_PING);
  }

  /** Called now and then with the time. */
  sweep(now: number): void {
    if (now >= this.#deadline) {
      if (this.#state === 'asked') this.#lastCall();
      else this.#socket.destroy();
      return;
    }
    const due = this.#life.due(now, this.#streams.size > 0);
    if (due === 'cut') this.#socket.destroy();
    else if (due === 'drain') this.drain();
    else if (due === 'ping') this.#outbox.frame(FRAME.ping, 0, 0, KEEPALIVE_PING);
    const { readTimeoutMs } = this.#host;
    if (readTimeoutMs === 0) return;
    for (const stream of this.#streams.values()) {
      if (!stream.remoteEnded && now - stream.openedAt >= readTimeoutMs) stream.exchange?.late();
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes what came off the wire; the bytes may change after the call. */
  receive(chunk: Buffer): void {
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.#host.refused?.(400, error.message);
        this.#fail(error.code, error.message);
      } else {
        this.#host.failed(error);
        this.#fail(ERROR.internal, 'internal error');
      }
    }
    if (this.#outbox.blocked) this.#socket.pause();
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.idle();
    for (let at = start; at < end; at += 6) {
      this.#apply(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    this.#outbox.frame(FRAME.settings, FLAG.ack, 0, NO_DEBUG);
  }

  #apply(setting: number, value: number): void {
    if (setting === SETTING.enablePush && value > 1) {
      throw new ConnectionError(ERROR.protocol, 'SETTINGS_ENABLE_PUSH is 0 or 1');
    }
    if (setting === SETTING.maxFrameSize) {
      if (value < MAX_FRAME || value >= 2 ** 24) {
        throw new ConnectionError(ERROR.protocol, 'SETTINGS_MAX_FRAME_SIZE is out of its range');
      }
      this.#outbox.maxFrame = value;
    }
    if (setting !== SETTING.initialWindowSize) return;
    if (value > MAX_WINDOW || !this.#outbox.setInitialWindow(value, this.#streams.values())) {
      throw new ConnectionError(ERROR.flowControl, 'SETTINGS_INITIAL_WINDOW_SIZE is too large');
    }
  }

  ping(bytes: Buffer, at: number): void {
    this.idle();
    if (!this.#life.allowsPing(Date.now(), this.#streams.size > 0)) {
      throw new ConnectionError(ERROR.enhanceYourCalm, TOO_MANY_PINGS);
    }
    this.#outbox.frame(FRAME.ping, FLAG.ack, 0, bytes.subarray(at, at + 8));
  }

  pong(bytes: Buffer, at: number): void {
    const opaque = bytes.subarray(at, at + 8);
    if (opaque.equals(KEEPALIVE_PING)) this.#life.pong(Date.now());
    else if (opaque.equals(LAST_CALL_PING) && this.#state === 'asked') this.#lastCall();
    else this.idle();
  }

  goaway(): void {
    if (this.#state !== 'ended') this.#state = 'going';
    this.#endWhenDone();
  }

  windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ERROR.protocol, 'a WINDOW_UPDATE of nothing');
      if (!this.#outbox.widen(increment)) {
        throw new ConnectionError(ERROR.flowControl, 'the window of the connection is too large');
      }
      return;
    }
    const stream = this.#known(id);
    if (stream === undefined) this.idle();
    else if (increment === 0) this.streamError(id, ERROR.protocol);
    else if (!this.#outbox.widenStream(stream, increment)) this.streamError(id, ERROR.flowControl);
  }

  headers(id: number, block: HeaderBlock): void {
    const { bytes, start, end, endStream } = block;
    const open = this.#streams.get(id);
    if (open !== undefined || id <= this.#lastId || id % 2 === 0) {
      const wellFormed = this.#heads.readTrailers(bytes, start, end);
      if (open !== undefined) this.#trailers(open, wellFormed && endStream);
      else if (!this.#resetByUs.has(id)) {
        const code = this.#opened.has(id) ? ERROR.streamClosed : ERROR.protocol;
        throw new ConnectionError(code, `HEADERS on stream ${id}, which is closed`);
      }
      return;
    }
    this.#lastId = id;
    this.#opened.add(id);
    const head = this.#heads.read(bytes, start, end);
    if (this.#state === 'going' || this.#streams.size >= this.#host.limits.maxConcurrentStreams) {
      this.streamError(id, ERROR.refusedStream);
    } else if (head === 'malformed') {
      this.#host.refused?.(400, 'the head is malformed');
      this.streamError(id, ERROR.protocol);
    } else if (head === 'too_large') {
      const { maxHeaderBytes } = this.#host.limits;
      this.#host.refused?.(431, `the head is larger than ${maxHeaderBytes} bytes`);
      this.#outbox.frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, id, TOO_LARGE);
      if (!endStream) this.#reset(id, ERROR.none);
    } else this.#open(id, head, endStream);
  }

  #open(id: number, head: RequestHead, endStream: boolean): void {
    const openedAt = Date.now();
    this.#life.active(openedAt);
    const stream = new Stream(this, head, {
      id,
      clientAddress: this.#clientAddress,
      openedAt,
      sendWindow: this.#outbox.initialWindow,
      receiveWindow: STREAM_WINDOW,
    });
    this.#streams.set(id, stream);
    stream.remoteEnded = endStream;
    if (endStream && head.contentLength > 0) {
      this.streamError(id, ERROR.protocol);
      return;
    }
    this.#host.open(stream);
    if (endStream && !stream.closed) stream.exchange?.ended();
  }

  #trailers(stream: Stream, wellFormed: boolean): void {
    if (stream.remoteEnded) this.streamError(stream.id, ERROR.streamClosed);
    else if (wellFormed) this.#remoteEnded(stream);
    else this.streamError(stream.id, ERROR.protocol);
  }

  dataStarts(id: number, length: number): void {
    this.#data = undefined;
    this.#dataLength = length;
    this.#receiveWindow -= length;
    // A frame is less than half a window: what is read at once is never more than was allowed.
    if (this.#receiveWindow < CONNECTION_WINDOW / 2) {
      const more = CONNECTION_WINDOW - this.#receiveWindow;
      this.#outbox.number(FRAME.windowUpdate, 0, more);
      this.#receiveWindow = CONNECTION_WINDOW;
    }
    const stream = this.#known(id);
    if (stream === undefined || stream.remoteEnded) {
      if (stream !== undefined || !this.#resetByUs.has(id)) {
        this.streamError(id, ERROR.streamClosed);
      }
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) this.streamError(id, ERROR.flowControl);
    else this.#data = stream;
  }

  data(bytes: Buffer, start: number, end: number): void {
    const stream = this.#data;
    if (stream === undefined || stream.closed) return;
    stream.received += end - start;
    const { contentLength } = stream.head;
    if (contentLength >= 0 && stream.received > contentLength) {
      this.streamError(stream.id, ERROR.protocol);
    } else if (!stream.answered) stream.exchange?.data(bytes, start, end);
  }

  dataEnds(endStream: boolean): void {
    const stream = this.#data;
    this.#data = undefined;
    if (this.#dataLength === 0 && !endStream) this.idle();
    if (stream === undefined || stream.closed) return;
    if (endStream) this.#remoteEnded(stream);
    else if (stream.receiveWindow < STREAM_WINDOW / 2 && !stream.answered) {
      this.#outbox.number(FRAME.windowUpdate, stream.id, STREAM_WINDOW - stream.receiveWindow);
      stream.receiveWindow = STREAM_WINDOW;
    }
  }

  #remoteEnded(stream: Stream): void {
    const { contentLength } = stream.head;
    if (contentLength >= 0 && stream.received !== contentLength && !stream.answered) {
      this.streamError(stream.id, ERROR.protocol);
      return;
    }
    stream.remoteEnded = true;
    if (!stream.answered) stream.exchange?.ended();
  }

  reset(id: number): void {
    const stream = this.#known(id);
    if (!this.#resets.use()) throw new ConnectionError(ERROR.enhanceYourCalm, 'too many resets');
    if (stream !== undefined) this.#close(stream);
  }

  over(stream: Stream, code: number): void {
    // An answer that is whole while the client still sends tells it to stop, without an error.
    if (code !== ERROR.none || !stream.remoteEnded) this.#reset(stream.id, code);
    this.#close(stream);
  }

  answer(stream: Stream, head: Buffer, body: Uint8Array, trailers: Buffer | undefined): void {
    this.#outbox.answer(stream, head, body, trailers);
  }

  /** A stream is done for because of what the client sent. */
  streamError(id: number, code: number): void {
    if (!this.#resets.use()) throw new ConnectionError(ERROR.enhanceYourCalm, 'too many errors');
    this.#reset(id, code);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#close(stream);
  }

  idle(): void {
    if (this.#idle.use()) return;
    throw new ConnectionError(ERROR.enhanceYourCalm, 'too many frames that do nothing');
  }

  #reset(id: number, code: number): void {
    this.#resetByUs.add(id);
    this.#outbox.number(FRAME.reset, id, code);
  }

  /** The stream, or undefined when it is closed. A stream nobody opened is an error. */
  #known(id: number): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined && (id > this.#lastId || id % 2 === 0)) {
      throw new ConnectionError(ERROR.protocol, `stream ${id} is not open`);
    }
    return stream;
  }

  #close(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#outbox.forget(stream);
    this.#streams.delete(stream.id);
    if (stream.answered) this.#idle.grant(IDLE_PER_REQUEST);
    // Some clients reset what was answered in full; without a body that would be an attack.
    if (stream.answered && stream.received > 0) this.#resets.grant(1);
    this.#life.active(Date.now());
    stream.exchange?.closed();
    this.#endWhenDone();
  }

  /** Says which request was the last. */
  #lastCall(): void {
    this.#state = 'going';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#goaway(this.#lastId, ERROR.none, '');
    this.#endWhenDone();
  }

  #goaway(lastId: number, code: number, debug: string): void {
    const payload = Buffer.alloc(8 + debug.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(code, 4);
    payload.write(debug, 8, 'latin1');
    this.#outbox.frame(FRAME.goaway, 0, 0, payload);
  }

  #endWhenDone(): void {
    if (this.#state === 'going' && this.#streams.size === 0) this.#end();
  }

  /** The client broke the protocol: says why, and ends all. */
  #fail(code: number, message: string): void {
    if (this.#state === 'ended') return;
    this.#goaway(this.#lastId, code, message);
    this.#end();
    this.#gone();
  }

  #end(): void {
    this.#state = 'ended';
    this.#deadline = Date.now() + LINGER_MS;
    this.#reader.stop();
    this.#outbox.flush();
    this.#socket.end();
    this.#socket.resume();
  }

  /** The client sends no more. What it has asked for in full it may still get. */
  #inputEnded(): void {
    for (const stream of this.#streams.values()) {
      if (!stream.remoteEnded) this.#close(stream);
    }
    if (this.#state !== 'ended') this.#state = 'going';
    this.#endWhenDone();
  }

  #gone(): void {
    this.#state = 'ended';
    this.#reader.stop();
    for (const stream of this.#streams.values()) this.#close(stream);
  }
}

function settingsOf({ maxConcurrentStreams, maxHeaderBytes }: SessionLimits): Buffer {
  const pairs = [
    [SETTING.maxConcurrentStreams, maxConcurrentStreams],
    [SETTING.initialWindowSize, STREAM_WINDOW],
    [SETTING.maxHeaderListSize, maxHeaderBytes],
  ] as const;
  const payload = Buffer.alloc(pairs.length * 6);
  for (const [at, [setting, value]] of pairs.entries()) {
    payload.writeUInt16BE(setting, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return payload;
}
