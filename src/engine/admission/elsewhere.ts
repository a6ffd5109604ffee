import type { RawRequest, Reply } from '../../contract/component.ts';

/**
 * Another place where a request can be processed. Answers undefined when it is to stay here;
 * otherwise the body is gone, and the promise resolves with the binding answer, or with
 * undefined when nobody will ever know it.
 */
export type Elsewhere = (
  receiver: string,
  request: RawRequest,
) => Promise<Reply | undefined> | undefined;
