import type { Splitter } from '../delivery/batcher.ts';

/** Stands in until requests can be split. */
export const splitRequest: Splitter = () => {
  throw new Error('a request is larger than max_size and cannot be split');
};
