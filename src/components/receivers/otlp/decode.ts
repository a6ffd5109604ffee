import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { type ReadOptions, readRequest } from '../../../formats/otlp/read-request.ts';
import { decompress, isRefusal } from '../../../net/decompress.ts';

/**
 * Undoes the content coding, turns JSON into protobuf, and checks and counts the whole request.
 * What is wrong with it comes back as a rejection in words for its sender.
 */
export function decode(
  request: RawRequest,
  permit: Permit,
  options: ReadOptions,
): Decoded | Outcome | Promise<Decoded | Outcome> {
  const guard = {
    maxBytes: options.maxBytes,
    resize: (bytes: number) => permit.resize(bytes),
  };
  const content = decompress(request.encoding, request.body, guard);
  if (content instanceof Promise) {
    return content.then((late) =>
      isRefusal(late) ? late : readRequest(request, late, permit, options),
    );
  }
  return isRefusal(content) ? content : readRequest(request, content, permit, options);
}
