import type { DropItems } from '../../../../contract/component.ts';
import { floatText } from '../../float-text.ts';
import type { Family } from '../family.ts';
import { labelField, type LabelSet } from '../label-set.ts';
import type { Names } from '../names.ts';
import type { SeriesOutput } from './series-output.ts';

/** Where the points of a batch go. */
export interface Sink {
  readonly output: SeriesOutput;
  readonly drop: DropItems;
  readonly names: Names;
  readonly bounds: BoundLabels;
  readonly customBuckets: boolean;
}

/** A family and the labels of the point at hand. */
export interface Subject {
  readonly family: Family;
  readonly set: LabelSet;
  /** A field of a series; empty where metadata goes elsewhere. */
  readonly metadata: Uint8Array;
}

/** Most bounds remembered; histograms of one program share a few dozen. */
const MAX_BOUNDS = 4096;

/** `le` and `quantile` labels by their number, encoded once. */
export class BoundLabels {
  readonly #le = new Map<number, Uint8Array>();
  readonly #quantile = new Map<number, Uint8Array>();

  le(bound: number): Uint8Array {
    return find(this.#le, 'le', bound);
  }

  quantile(quantile: number): Uint8Array {
    return find(this.#quantile, 'quantile', quantile);
  }
}

function find(known: Map<number, Uint8Array>, name: string, bound: number): Uint8Array {
  const found = known.get(bound);
  // A Map takes -0 for 0, and they are different labels.
  if (found !== undefined && bound !== 0) return found;
  const field = labelField(name, floatText(bound));
  if (known.size >= MAX_BOUNDS) known.clear();
  known.set(bound, field);
  return field;
}
