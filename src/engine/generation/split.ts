import { splitRequest } from '../../formats/otlp/split.ts';
import type { Splitter } from '../delivery/batcher.ts';

/** Cuts a request in the form it has. */
export const splitInForm: Splitter = ({ signal, form }, bytes, limit, sizer) => {
  if (form !== 'otlp') throw new Error(`bug: a request in the form ${form} cannot be split`);
  const limits =
    sizer === 'items' ? { maxItems: limit, maxBytes: 0 } : { maxItems: 0, maxBytes: limit };
  return splitRequest(signal, bytes, limits);
};
