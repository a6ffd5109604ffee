import { SERIES } from '../../src/formats/prometheus/schema.ts';
import { SeriesCursor } from '../../src/formats/prometheus/walk.ts';
import { FieldCursor } from '../../src/wire/cursor.ts';
import { ageMs, MARK } from '../load/payload.ts';

/** What the sink saw. Sequence numbers are of items, latencies in milliseconds. */
export interface SinkReport {
  readonly requests: number;
  readonly items: number;
  readonly bytes: number;
  /** Items that came more than once, counting the surplus. */
  readonly duplicates: number;
  readonly distinct: number;
  readonly p50: number;
  readonly p99: number;
}

const SEQUENCES = 1 << 28;
const LATENCIES = 1 << 16;

/**
 * Counts what arrives: how often each numbered item came, and how old the first item of every
 * chunk was. The field numbers are the same for spans and log records down to the record:
 *
 * message Request  { repeated Resource… = 1; }
 * message Resource { repeated Scope… = 2; }
 * message Scope    { repeated record = 2; }
 * trace_id is field 1 of a span and field 9 of a log record.
 */
export class SinkLedger {
  #requests = 0;
  #items = 0;
  #bytes = 0;
  #duplicates = 0;
  #distinct = 0;
  #seen: Uint8Array | undefined;
  readonly #latencies = new Float32Array(LATENCIES);
  #latencyCount = 0;
  readonly #resource = new FieldCursor();
  readonly #scope = new FieldCursor();
  readonly #record = new FieldCursor();
  readonly #field = new FieldCursor();
  readonly #series = new SeriesCursor();
  readonly #numbered: boolean;

  /** `numbered`: check the number of every item; otherwise items are only counted. */
  constructor(numbered: boolean) {
    this.#numbered = numbered;
    if (numbered) this.#seen = new Uint8Array(SEQUENCES);
  }

  /** Takes an uncompressed request; `nowMs` is when its last byte was here. */
  take(bytes: Uint8Array, nowMs: number): void {
    this.#requests += 1;
    this.#bytes += bytes.length;
    for (const resource = this.#resource.enter(bytes); resource.next(); ) {
      if (resource.number !== 1) continue;
      const scope = this.#scope.enter(bytes, resource.start, resource.end);
      while (scope.next()) {
        if (scope.number !== 2) continue;
        const record = this.#record.enter(bytes, scope.start, scope.end);
        let first = true;
        while (record.next()) {
          if (record.number !== 2) continue;
          this.#items += 1;
          if (this.#numbered) this.#note(bytes, record, first ? nowMs : undefined);
          first = false;
        }
      }
    }
  }

  /** Takes an uncompressed request of remote-write 1.0 and counts its samples. */
  takeSeries(bytes: Uint8Array): void {
    this.#requests += 1;
    this.#bytes += bytes.length;
    const series = this.#series.enter(bytes);
    while (series.next()) {
      const field = this.#field.enter(bytes, series.labelsEnd, series.end);
      while (field.next()) if (field.number === SERIES.sample) this.#items += 1;
    }
  }

  #note(bytes: Uint8Array, record: FieldCursor, nowMs: number | undefined): void {
    const field = this.#field.enter(bytes, record.start, record.end);
    while (field.next()) {
      if ((field.number !== 1 && field.number !== 9) || field.end - field.start !== 16) continue;
      if (word(bytes, field.start) !== MARK) continue;
      if (nowMs !== undefined) {
        const age = ageMs(word(bytes, field.start + 4), nowMs);
        this.#latencies[this.#latencyCount % LATENCIES] = age;
        this.#latencyCount += 1;
      }
      this.#count(word(bytes, field.start + 8) * 2 ** 32 + word(bytes, field.start + 12));
      return;
    }
  }

  #count(sequence: number): void {
    const seen = this.#seen;
    if (seen === undefined || sequence >= SEQUENCES) return;
    const times = seen[sequence] ?? 0;
    if (times === 0) this.#distinct += 1;
    else this.#duplicates += 1;
    seen[sequence] = Math.min(255, times + 1);
  }

  /** How many numbers from `from` up to but not including `to` never came. */
  missing(from: number, to: number): number {
    let missing = 0;
    for (let sequence = from; sequence < to; sequence += 1) {
      if ((this.#seen?.[sequence] ?? 0) === 0) missing += 1;
    }
    return missing;
  }

  report(): SinkReport {
    const latencies = this.#latencies.slice(0, Math.min(this.#latencyCount, LATENCIES)).sort();
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
    return {
      requests: this.#requests,
      items: this.#items,
      bytes: this.#bytes,
      duplicates: this.#duplicates,
      distinct: this.#distinct,
      p50: at(0.5),
      p99: at(0.99),
    };
  }
}

function word(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8)) >>> 0) +
    bytes[offset + 3]!
  );
}
