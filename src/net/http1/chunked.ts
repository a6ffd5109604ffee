/** What the reader of a chunked body tells: how far it got. */
export interface ChunkSink {
  /** Bytes of the body, `chunk[start..end)`. False stops the reading (the body was refused). */
  data(chunk: Buffer, start: number, end: number): boolean;
}

/** Longest line with a chunk's size and extensions, and all trailers together. */
const MAX_LINE = 1024;
const MAX_TRAILERS = 8 * 1024;
const CR = 13;
const LF = 10;

/**
 * Reads `chunked` transfer coding as it arrives. States: the size line, data, the line end after
 * data, trailers. Lines end in CR LF and nothing else.
 */
export class ChunkedReader {
  #state: 'size' | 'data' | 'data_end' | 'trailers' | 'done' = 'size';
  #line = '';
  #left = 0;
  #trailerBytes = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Offset behind what was read of `chunk`, or -1 when it is not chunked coding. */
  read(chunk: Buffer, from: number, sink: ChunkSink): number {
    let at = from;
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        if (!sink.data(chunk, at, end)) return end;
        at = end;
        if (this.#left === 0) this.#state = 'data_end';
        continue;
      }
      at = this.#readLine(chunk, at);
      if (at < 0) return -1;
    }
    return at;
  }

  /** Takes bytes up to and with a line end, then acts on the line. -1 when it is malformed. */
  #readLine(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const end = lf < 0 ? chunk.length : lf + 1;
    if (this.#line.length + end - from > MAX_LINE) return -1;
    this.#line += chunk.toString('latin1', from, end);
    if (lf < 0) return end;
    const line = this.#line;
    this.#line = '';
    if (line.length < 2 || line.charCodeAt(line.length - 2) !== CR) return -1;
    return this.#act(line.slice(0, -2)) ? end : -1;
  }

  #act(line: string): boolean {
    if (this.#state === 'data_end') {
      this.#state = 'size';
      return line === '';
    }
    if (this.#state === 'trailers') {
      this.#trailerBytes += line.length;
      if (line === '') this.#state = 'done';
      return this.#trailerBytes <= MAX_TRAILERS;
    }
    const match = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
    if (match === null) return false;
    this.#left = Number.parseInt(match[1] ?? '', 16);
    this.#state = this.#left === 0 ? 'trailers' : 'data';
    return true;
  }
}
