import { Writer } from '../../../wire/writer.ts';
import { compareBytes } from './value-text.ts';

/** Where a label stands among encoded ones, or where it would. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Labels of a series without its name, encoded for the form and sorted. */
export interface LabelSet {
  readonly bytes: Uint8Array;
  /** Where `__name__` belongs. */
  readonly nameAt: number;
  readonly le: Place;
  readonly quantile: Place;
}

/** Encodes labels; those with an empty value are no labels. */
export function labelSetOf(labels: ReadonlyMap<string, string>): LabelSet {
  const sorted = [...labels]
    .filter(([name, value]) => name !== '' && value !== '')
    .sort(([a], [b]) => compareBytes(a, b));
  const writer = new Writer();
  const places = { __name__: NOWHERE, le: NOWHERE, quantile: NOWHERE };
  for (const [name, value] of sorted) {
    const start = writer.length;
    writer.open(1).string(1, name).string(2, value).close();
    for (const special of SPECIAL) {
      if (places[special] !== NOWHERE || compareBytes(name, special) < 0) continue;
      places[special] = { start, end: name === special ? writer.length : start };
    }
  }
  const end = { start: writer.length, end: writer.length };
  const at = (name: (typeof SPECIAL)[number]) => (places[name] === NOWHERE ? end : places[name]);
  const [name, le, quantile] = [at('__name__'), at('le'), at('quantile')];
  return { bytes: writer.finish(), nameAt: name.start, le, quantile };
}

/** One label as a field of a series. */
export function labelField(name: string, value: string): Uint8Array {
  return new Writer().open(1).string(1, name).string(2, value).close().finish();
}

const SPECIAL = ['__name__', 'le', 'quantile'] as const;
const NOWHERE: Place = { start: -1, end: -1 };
