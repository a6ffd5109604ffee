/**
 * Lines for the operator, on standard error, one `write` per line from whichever thread has
 * something to say: what was logged before a crash is there. Lines that repeat are throttled and
 * counted, so a fault per request costs a line per five seconds.
 */
import { writeSync } from 'node:fs';
import pino from 'pino';
import type { Clock, Logger } from '../../contract/context.ts';
import { systemClock } from './clock.ts';
import { showFields, showMessage } from './log-fields.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object per line. `console`: time, level, message and fields, tab-separated. */
  readonly encoding: 'json' | 'console';
  /** Index of the shard the lines come from; absent on the main thread. */
  readonly shard?: number;
  /** Takes whole lines; standard error unless told otherwise. */
  readonly write?: (line: string) => void;
  readonly clock?: Clock;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How long a line is quiet after it was written. */
const WINDOW_MS = 5000;
const MAX_REMEMBERED = 1000;

interface Repeated {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  until: number;
  suppressed: number;
}

/** The log of one thread. Hands out a logger per component. */
export class Log {
  readonly #pino: pino.Logger;
  readonly #clock: Clock;
  readonly #repeated = new Map<string, Repeated>();
  #cancelSweep: (() => void) | undefined;

  constructor(options: LogOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#pino = openPino(options, this.#clock);
  }

  /** Lines that carry `component`, such as `exporters/otlp_http/eu`. */
  logger(component: string): Logger {
    return {
      debug: (message, fields) => this.#log({ level: 'debug', component, message }, fields),
      info: (message, fields) => this.#log({ level: 'info', component, message }, fields),
      warn: (message, fields) => this.#log({ level: 'warn', component, message }, fields),
      error: (message, fields) => this.#log({ level: 'error', component, message }, fields),
    };
  }

  /** Takes effect at the next line. */
  setLevel(level: LogLevel): void {
    this.#pino.level = level;
  }

  /** Writes the counts of lines that were kept back. To be called before the thread ends. */
  flush(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const repeated of this.#repeated.values()) this.#settle(repeated);
    this.#repeated.clear();
  }

  #log(line: Line, fields: Fields = {}): void {
    const { level, component, message } = line;
    if (!this.#pino.isLevelEnabled(level)) return;
    const shown = showFields(fields);
    // Warnings are the same fault whatever their numbers; news with other fields is other news.
    const faulty = level === 'warn' || level === 'error';
    const key = `${component}\n${level}\n${message}${faulty ? '' : `\n${JSON.stringify(shown)}`}`;
    const now = this.#clock.now();
    const known = this.#repeated.get(key);
    if (known !== undefined && now < known.until) {
      known.suppressed += 1;
      this.#cancelSweep ??= this.#clock.after(WINDOW_MS, () => this.#sweep());
      return;
    }
    const suppressed = known?.suppressed ?? 0;
    this.#remember(key, { ...line, until: now + WINDOW_MS, suppressed: 0 });
    const more = suppressed === 0 ? {} : { suppressed };
    this.#pino[level]({ component, ...shown, ...more }, showMessage(message));
  }

  #remember(key: string, repeated: Repeated): void {
    this.#repeated.delete(key);
    this.#repeated.set(key, repeated);
    if (this.#repeated.size <= MAX_REMEMBERED) return;
    for (const [oldest, entry] of this.#repeated) {
      this.#settle(entry);
      this.#repeated.delete(oldest);
      return;
    }
  }

  /** Lines that stopped repeating still get their count written. */
  #sweep(): void {
    this.#cancelSweep = undefined;
    const now = this.#clock.now();
    let waiting = false;
    for (const [key, repeated] of this.#repeated) {
      if (now >= repeated.until) {
        this.#settle(repeated);
        this.#repeated.delete(key);
      } else if (repeated.suppressed > 0) waiting = true;
    }
    if (waiting) this.#cancelSweep = this.#clock.after(WINDOW_MS, () => this.#sweep());
  }

  #settle({ level, component, message, suppressed }: Repeated): void {
    if (suppressed === 0) return;
    this.#pino[level]({ component, suppressed }, `repeated: ${showMessage(message)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

interface Line {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
}

function openPino(options: LogOptions, clock: Clock): pino.Logger {
  const { level, encoding, shard, write = writeToStandardError } = options;
  const settings: pino.LoggerOptions = {
    level,
    base: shard === undefined ? {} : { shard },
    messageKey: 'msg',
    timestamp: () => `,"ts":"${new Date(clock.now()).toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  const encode = encoding === 'json' ? (line: string) => line : toConsole;
  return pino(settings, { write: (line: string) => write(encode(line)) });
}

function toConsole(json: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const fields = Object.keys(rest).length === 0 ? '' : `\t${JSON.stringify(rest)}`;
  // A message must not be able to begin a line of its own.
  const text = String(msg).replace(/\p{Cc}+/gu, ' ');
  return `${String(ts)}\t${String(level)}\t${text}${fields}\n`;
}

/** A log that cannot be written must not stop the telemetry: a line may be lost, no more. */
function writeToStandardError(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads standard error any more, or its pipe is full.
  }
}
