import { FieldCursor } from '../../../../wire/cursor.ts';
import { readUint32 } from '../../../../wire/varint.ts';
import type { Facts } from './series.ts';

/** What somebody said of a family, apart from its series. */
export interface ToldFacts {
  readonly name: string;
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** Bytes that are held beside others, and may be. */
interface Room {
  readonly maxBytes: number;
  bytes: number;
}

const ENTRY_BYTES = 200;
/** Longer text of help is cut: it stands on every page. */
const MAX_HELP_LENGTH = 1024;

/**
 * What is known of the names of one tenant. The first who says the type of a name is believed,
 * until nobody has said it again for as long as series live.
 */
export class FactsBook {
  readonly #byName = new Map<string, Facts>();
  readonly #told = new Map<string, ToldFacts>();
  readonly #room: Room;
  readonly #lifetimeMs: number;

  constructor(room: Room, lifetimeMs: number) {
    this.#room = room;
    this.#lifetimeMs = lifetimeMs;
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  of(name: string): Facts | undefined {
    return this.#byName.get(name);
  }

  /** What was said apart from series, for the other shards. */
  get told(): readonly ToldFacts[] {
    return [...this.#told.values()];
  }

  /**
   * Answers what is believed now, which is of another type when somebody else was first;
   * undefined when there is no room.
   */
  say({ name, type, help, unit }: ToldFacts, now: number): Facts | undefined {
    const known = this.#byName.get(name);
    if (known !== undefined && known.type !== type && !this.#isOver(known, now)) return known;
    const said = { type, help: help.slice(0, MAX_HELP_LENGTH), unit, updatedAt: now };
    const growth = sizeOf(name, said) - (known === undefined ? 0 : sizeOf(name, known));
    if (this.#room.bytes + growth > this.#room.maxBytes) return known;
    this.#room.bytes += growth;
    if (known?.type === type) return Object.assign(known, said);
    this.#byName.set(name, said);
    return said;
  }

  /** As `say`, and remembers it for the other shards. */
  tell(told: ToldFacts, now: number): boolean {
    if (this.say(told, now)?.type !== told.type) return false;
    this.#told.set(told.name, told);
    return true;
  }

  /** Forgets what nobody said for long, of names that `isUsed` does not know. */
  sweep(now: number, isUsed: (name: string) => boolean): void {
    for (const [name, facts] of this.#byName) {
      if (!this.#isOver(facts, now) || isUsed(name)) continue;
      this.#byName.delete(name);
      this.#told.delete(name);
      this.#room.bytes -= sizeOf(name, facts);
    }
  }

  #isOver({ updatedAt }: Facts, now: number): boolean {
    return now - updatedAt > this.#lifetimeMs;
  }
}

function sizeOf(name: string, { help, unit }: Pick<Facts, 'help' | 'unit'>): number {
  return ENTRY_BYTES + 2 * (name.length + help.length + unit.length);
}

/**
 * message MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
 */
export function readFamilyMetadata(bytes: Uint8Array, start: number, end: number): ToldFacts {
  return readFacts(bytes, new FieldCursor().enter(bytes, start, end), {
    name: 2,
    help: 4,
    unit: 5,
  });
}

/** message SeriesMetadata { MetricType type = 1; string help = 2; string unit = 3; } */
export function readSeriesMetadata(bytes: Uint8Array, name: string): ToldFacts {
  const facts = readFacts(bytes, new FieldCursor().enter(bytes), { name: -1, help: 2, unit: 3 });
  return { ...facts, name };
}

function readFacts(
  bytes: Uint8Array,
  fields: FieldCursor,
  numbers: { readonly name: number; readonly help: number; readonly unit: number },
): ToldFacts {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let type = 0;
  let [name, help, unit] = ['', '', ''];
  while (fields.next()) {
    const { number, start, end } = fields;
    if (number === 1) type = readUint32(bytes, start);
    else if (number === numbers.name) name = from.toString('utf8', start, end);
    else if (number === numbers.help) help = from.toString('utf8', start, end);
    else if (number === numbers.unit) unit = from.toString('utf8', start, end);
  }
  return { name, type, help, unit };
}
