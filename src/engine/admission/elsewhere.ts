import type { RawRequest, Reply } from '../../contract/component.ts';

/** Another place where requests can be processed. */
export interface Elsewhere {
  /** The share of requests that it takes now, 0 to 1. */
  readonly share: number;
  /**
   * Answers undefined when the request is to stay here; otherwise its body is gone, and the
   * promise resolves with the binding answer, or with undefined when nobody will ever know it.
   */
  offer(receiver: string, request: RawRequest): Promise<Reply | undefined> | undefined;
}
