import { FieldCursor } from '../../../../wire/cursor.ts';
import { readFixed32, readUint32 } from '../../../../wire/varint.ts';

/** Numbers of the fields that all kinds of data points have, at different places. */
export interface PointShape {
  readonly attributes: number;
  readonly exemplars: number;
  readonly flags: number;
}

/** By the number of the field of a metric that holds the points. */
export const POINT_SHAPE: Readonly<Record<number, PointShape>> = {
  5: { attributes: 7, exemplars: 5, flags: 8 },
  7: { attributes: 7, exemplars: 5, flags: 8 },
  9: { attributes: 9, exemplars: 8, flags: 10 },
  10: { attributes: 1, exemplars: 11, flags: 10 },
  11: { attributes: 7, exemplars: 0, flags: 8 },
};

const FIELDS = 16;

/** One data point of any kind: where its fields are. Reused from point to point. */
export class Point {
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /** Milliseconds since the epoch. */
  time = 0;
  /** Milliseconds since the epoch; 0 is unset. */
  startTime = 0;
  /** Whether it says that nothing was recorded. */
  isStale = false;
  hasExemplars = false;
  /** Where the attributes are; somewhere else when they do not stand together. */
  attributeBytes: Uint8Array = NOTHING;
  attributesStart = 0;
  attributesEnd = 0;
  shape: PointShape = POINT_SHAPE[5]!;
  /** Where the payload of the last field of each number begins and ends; -1 when absent. */
  readonly at = new Int32Array(FIELDS);
  readonly ends = new Int32Array(FIELDS);
  readonly #fields = new FieldCursor();

  // oxlint-disable-next-line max-params -- one call per point: an object would be an allocation
  enter(bytes: Uint8Array, start: number, end: number, shape: PointShape): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.shape = shape;
    this.attributeBytes = bytes;
    this.attributesStart = 0;
    this.attributesEnd = 0;
    this.hasExemplars = false;
    const { at, ends } = this;
    at.fill(-1);
    let scattered = false;
    const fields = this.#fields.enter(bytes, start, end);
    while (fields.next()) {
      const { number } = fields;
      if (number === shape.attributes) {
        if (this.attributesEnd === 0) this.attributesStart = fields.tagStart;
        else if (this.attributesEnd !== fields.tagStart) scattered = true;
        this.attributesEnd = fields.end;
      } else if (number < FIELDS) {
        at[number] = fields.start;
        ends[number] = fields.end;
      }
    }
    if (scattered) this.#gather();
    this.hasExemplars = shape.exemplars > 0 && at[shape.exemplars]! >= 0;
    this.isStale = at[shape.flags]! >= 0 && (readUint32(bytes, at[shape.flags]!) & 1) === 1;
    this.startTime = at[2]! < 0 ? 0 : millisecondsAt(bytes, at[2]!);
    this.time = at[3]! < 0 ? 0 : millisecondsAt(bytes, at[3]!);
  }

  #gather(): void {
    const parts: Uint8Array[] = [];
    const fields = this.#fields.enter(this.bytes, this.start, this.end);
    while (fields.next()) {
      if (fields.number === this.shape.attributes) {
        parts.push(this.bytes.subarray(fields.tagStart, fields.end));
      }
    }
    this.attributeBytes = Buffer.concat(parts);
    this.attributesStart = 0;
    this.attributesEnd = this.attributeBytes.length;
  }
}

/**
 * The fixed64 nanoseconds at `at` in milliseconds, cut off. Exact: 2^32 is 4294 million and
 * 967296, so that no step leaves the integers a double can hold.
 */
export function millisecondsAt(bytes: Uint8Array, at: number): number {
  const high = readFixed32(bytes, at + 4);
  const low = readFixed32(bytes, at);
  return high * 4294 + Math.floor((high * 967_296 + low) / 1_000_000);
}

const NOTHING: Uint8Array = new Uint8Array(0);
