import { splitRequest } from '../../formats/otlp/split.ts';
import { splitChunk } from '../../formats/prometheus/split.ts';
import type { Splitter } from '../delivery/batcher.ts';

/** Cuts a request in the form it has. */
export const splitInForm: Splitter = ({ signal, form }, bytes, limit, sizer) => {
  const limits =
    sizer === 'items' ? { maxItems: limit, maxBytes: 0 } : { maxItems: 0, maxBytes: limit };
  return form === 'otlp' ? splitRequest(signal, bytes, limits) : splitChunk(bytes, limits);
};
