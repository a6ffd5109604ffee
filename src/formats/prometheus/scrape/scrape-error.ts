/** Why a page cannot be taken, or not all of it: nothing of it is. */
export class ScrapeError extends Error {
  /** A metric label: snake_case, from a small fixed set. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** A line that is not in the format of the page; `at` is where in it, as an offset. */
export class LineError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const MAX_SHOWN = 120;
const NEWLINE = 0x0a;

/** What is wrong with a page, with the number of the line and the beginning of it. */
export function parseError(page: Uint8Array, { message, at }: LineError): ScrapeError {
  const end = Math.min(at, page.length);
  let line = 1;
  let start = 0;
  for (let next = page.indexOf(NEWLINE); next >= 0 && next < end; ) {
    line++;
    start = next + 1;
    next = page.indexOf(NEWLINE, start);
  }
  const newline = page.indexOf(NEWLINE, start);
  const lineEnd = Math.min(newline < 0 ? page.length : newline, start + MAX_SHOWN);
  const text = JSON.stringify(decoder.decode(page.subarray(start, lineEnd)));
  return new ScrapeError('parse', `cannot read line ${line} of the page: ${message}: ${text}`);
}

const decoder = new TextDecoder();
