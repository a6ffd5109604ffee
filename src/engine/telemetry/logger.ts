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

/** How long a line is quiet after it was written; less than 5 s, so that who repeats every 5 s is heard. */
const WINDOW_MS = 4900;
const SWEEP_MS = 5000;
const MAX_REMEMBERED = 1000;

interface Repeated {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  until: number;
  suppressed: number;
  /** Of the last line that was kept back. */
  fields: Fields;
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

  /** Writes the counts of lines that were kept back, with the last one's fields. To be called before the thread ends. */
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
    const key = `${component}\n${level}\n${message}\n${whichOf(level, shown)}`;
    const now = this.#clock.now();
    const known = this.#repeated.get(key);
    if (known !== undefined && now < known.until) {
      known.suppressed += 1;
      known.fields = shown;
      this.#cancelSweep ??= this.#clock.after(SWEEP_MS, () => this.#sweep());
      return;
    }
    const suppressed = known?.suppressed ?? 0;
    this.#remember(key, { ...line, until: now + WINDOW_MS, suppressed: 0, fields: {} });
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
    if (waiting) this.#cancelSweep = this.#clock.after(SWEEP_MS, () => this.#sweep());
  }

  #settle({ level, component, message, suppressed, fields }: Repeated): void {
    if (suppressed === 0) return;
    this.#pino[level]({ component, ...fields, suppressed }, `repeated: ${showMessage(message)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

interface Line {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
}

/**
 * News with other fields is other news. Of warnings only names out of bounded sets make a
 * difference: a fault is the same fault whatever its numbers and whoever it met.
 */
function whichOf(level: LogLevel, shown: Fields): string {
  if (level === 'debug' || level === 'info') return JSON.stringify(shown);
  return JSON.stringify(DISTINCT.map((name) => shown[name]));
}

const DISTINCT = ['exporter', 'receiver', 'data_type', 'signal', 'reason'] as const;

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
