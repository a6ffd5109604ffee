import { areEqual, hashWords } from '../../../../formats/prometheus/ranges.ts';
import { boundNameOf, MEMBER, Membership } from '../../../../formats/prometheus/membership.ts';
import { isLabelName, isMetricName } from '../../../../formats/prometheus/text/escaping.ts';
import { boundOf } from '../../../../formats/prometheus/text/number-text.ts';
import { LabelCursor } from '../../../../formats/prometheus/walk.ts';
import type { FactsBook } from './facts-book.ts';
import { type Family, type Group, Series } from './series.ts';

/** Bytes that all stores of a shard together hold, and may hold. */
export interface SeriesRoom {
  readonly maxBytes: number;
  bytes: number;
  series: number;
  /** Of the series that came last. */
  serial: number;
}

/** Bytes of the form in the two ways in which they are looked at. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Shows bytes; nothing is copied. */
export function chunkOf({ buffer, byteOffset, length }: Uint8Array): Chunk {
  return {
    bytes: Buffer.from(buffer, byteOffset, length),
    view: new DataView(buffer, byteOffset, length),
  };
}

const MEMBERS = Object.keys(MEMBER).length;
const NAME = Buffer.from('__name__');

/** The series of one tenant: found by their labels, and in order by family and group. */
export class SeriesStore {
  readonly tenant: string;
  readonly facts: FactsBook;
  readonly families = new Map<string, Family>();
  readonly #byHash = new Map<number, Series>();
  readonly #room: SeriesRoom;
  readonly #seed: number;
  /** Names of labels that are added to every series on a page. */
  readonly #added: ReadonlySet<string>;
  readonly #membership = new Membership();
  readonly #labels = new LabelCursor();
  readonly #others = new LabelCursor();

  constructor(
    of: { readonly tenant: string; readonly facts: FactsBook },
    room: SeriesRoom,
    given: { readonly seed: number; readonly added: ReadonlySet<string> },
  ) {
    this.tenant = of.tenant;
    this.facts = of.facts;
    this.#room = room;
    this.#seed = given.seed;
    this.#added = given.added;
  }

  get isEmpty(): boolean {
    return this.#byHash.size === 0;
  }

  /** The series with the labels from `start` to `end`. */
  find({ bytes, view }: Chunk, start: number, end: number): Series | undefined {
    let series = this.#byHash.get(hashWords(view, start, end, this.#seed));
    while (series !== undefined) {
      const { labels, next } = series;
      if (labels.length === end - start && isEqual(bytes, start, end, labels)) break;
      series = next;
    }
    return series;
  }

  /** A series that is not there yet; its labels are copied. Undefined when there is no room. */
  add(bytes: Uint8Array, start: number, end: number): Series | undefined {
    const labels = bytes.slice(start, end);
    const membership = this.#membership.read(labels, 0, labels.length);
    const { member, boundStart, boundEnd } = membership;
    const group = this.#groupOf(labels, membership);
    const hash = hashWords(chunkOf(labels).view, 0, labels.length, this.#seed);
    const bound = boundOf(textOf(labels, boundStart, boundEnd));
    const serial = this.#room.serial + 1;
    const series = new Series(labels, { hash, serial, member, bound, group });
    const { size } = series;
    if (this.#room.bytes + size > this.#room.maxBytes) {
      this.#leave(group);
      return undefined;
    }
    this.#room.bytes += size;
    this.#room.series += 1;
    this.#room.serial = serial;
    series.next = this.#byHash.get(hash);
    this.#byHash.set(hash, series);
    group.family.counts[member]! += 1;
    const { series: members } = group;
    members.splice(placeFor(members, series), 0, series);
    return series;
  }

  remove(series: Series): void {
    const { group, hash } = series;
    this.#room.bytes -= series.size;
    this.#room.series -= 1;
    unchain(this.#byHash, series, hash);
    const { family } = group;
    family.counts[series.member]! -= 1;
    if (series.histogram !== undefined) family.natives -= 1;
    group.series.splice(group.series.indexOf(series), 1);
    this.#leave(group);
  }

  /** Gives a series another exemplar, if there is room, or another histogram. */
  replace(series: Series, part: 'exemplar' | 'histogram', bytes: Uint8Array | undefined): void {
    const before = series[part];
    const growth = (bytes?.length ?? 0) - (before?.length ?? 0);
    if (part === 'exemplar' && this.#room.bytes + growth > this.#room.maxBytes) return;
    this.#room.bytes += growth;
    series[part] = bytes;
    if (part === 'exemplar') return;
    series.group.family.natives += Number(bytes !== undefined) - Number(before !== undefined);
  }

  #groupOf(labels: Uint8Array, membership: Membership): Group {
    const { hash, nameStart, stemEnd } = membership;
    const name = textOf(labels, nameStart, stemEnd);
    let family = this.families.get(name);
    if (family === undefined) {
      family = newFamily(name);
      this.families.set(name, family);
    }
    const first = family.byHash.get(hash);
    for (let group = first; group !== undefined; group = group.next) {
      if (this.#areTogether(labels, membership, group.series[0]!)) return group;
    }
    const isSimple = this.#isSimple(labels, name);
    const group: Group = { family, hash, series: [], isSimple, next: first };
    family.byHash.set(hash, group);
    family.groups.add(group);
    return group;
  }

  /** Whether labels are the same but for the name, and for the bound where there is one. */
  #areTogether(labels: Uint8Array, { member }: Membership, other: Series): boolean {
    const mine = this.#labels.enter(labels, 0, labels.length);
    const others = this.#others.enter(other.labels, 0, other.labels.length);
    const [boundName, otherBoundName] = [boundNameOf(member), boundNameOf(other.member)];
    for (;;) {
      const isMore = nextCommon(mine, labels, boundName);
      const isOther = nextCommon(others, other.labels, otherBoundName);
      if (!isMore || !isOther) return isMore === isOther;
      const length = mine.valueEnd - mine.tagStart;
      if (length !== others.valueEnd - others.tagStart) return false;
      if (!areEqual(labels, mine.tagStart, other.labels, others.tagStart, length)) return false;
    }
  }

  #isSimple(labels: Uint8Array, name: string): boolean {
    if (!isMetricName(name)) return false;
    const cursor = this.#labels.enter(labels, 0, labels.length);
    while (cursor.next()) {
      const label = textOf(labels, cursor.nameStart, cursor.nameEnd);
      if (!isLabelName(label) || this.#added.has(label)) return false;
    }
    return true;
  }

  #leave(group: Group): void {
    const { family, hash } = group;
    if (group.series.length > 0) return;
    unchain(family.byHash, group, hash);
    family.groups.delete(group);
    if (family.groups.size === 0) this.families.delete(family.name);
  }
}

function newFamily(name: string): Family {
  return {
    name,
    groups: new Set(),
    byHash: new Map(),
    counts: new Int32Array(MEMBERS),
    natives: 0,
    said: [],
  };
}

/** Steps to the next label that is neither the name nor the bound. */
function nextCommon(labels: LabelCursor, bytes: Uint8Array, boundName: Uint8Array): boolean {
  while (labels.next()) {
    const { nameStart, nameEnd } = labels;
    const isBound = boundName.length > 0 && isSame(boundName, bytes, nameStart, nameEnd);
    if (!isBound && !isSame(NAME, bytes, nameStart, nameEnd)) return true;
  }
  return false;
}

/** Takes one out of a chain of those that have the same hash. */
function unchain<T extends { next: T | undefined }>(chains: Map<number, T>, one: T, hash: number) {
  const first = chains.get(hash);
  if (first === one) {
    if (one.next === undefined) chains.delete(hash);
    else chains.set(hash, one.next);
    return;
  }
  for (let at = first; at !== undefined; at = at.next) {
    if (at.next === one) at.next = one.next;
  }
}

/** Where in its group a series is shown. */
function placeFor(members: readonly Series[], { member, bound }: Series): number {
  let [low, high] = [0, members.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = members[middle]!;
    const isBefore =
      other.member < member ||
      (other.member === member && (other.bound <= bound || Number.isNaN(bound)));
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

// oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
function isSame(one: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  return one.length === end - start && areEqual(one, 0, bytes, start, one.length);
}

/** In a call, which is faster than a loop for as many bytes as labels have. */
// oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
function isEqual(bytes: Buffer, start: number, end: number, labels: Uint8Array): boolean {
  return bytes.compare(labels, 0, labels.length, start, end) === 0;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
