import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { LENGTH_DELIMITED } from '../../../wire/varint.ts';
import { Output } from '../output.ts';
import { REQUEST, REQUEST_2 } from '../schema.ts';
import { type Fault, type Read, Refusals } from './fault.ts';
import { expect } from './parts.ts';
import { SeriesReader2 } from './series-2.ts';
import { SymbolTable } from './symbols.ts';

/**
 * Reads a remote-write 2.0 request into a chunk of the `prometheus` form: symbols become the
 * strings they stand for. Of the fields of release candidates, `start_timestamp` stays as it is
 * and `created_timestamp` becomes the start of every sample and histogram that has none. A
 * series, histogram or exemplar that is not valid is left out alone. Throws `WireError` when
 * the bytes are no such request at all, and `ExpansionError` when its labels would take more than
 * `maxBytes`; a request of remote-write 1.0 is refused as a whole.
 */
export function readRemoteWrite2(bytes: Bytes, maxBytes: number): Read {
  const symbols = new SymbolTable(maxBytes);
  const refusals = new Refusals();
  const top = new FieldCursor().enter(bytes);
  let series = 0;
  let strings = 0;
  let sawVersion1 = false;
  while (top.next()) {
    if (top.number === REQUEST_2.symbol) {
      expect(top, LENGTH_DELIMITED);
      symbols.add(bytes, top.start, top.end);
      strings += top.end - top.start;
    } else if (top.number === REQUEST_2.timeseries) {
      expect(top, LENGTH_DELIMITED);
      series += top.end - top.start;
    } else sawVersion1 ||= top.number === REQUEST.timeseries || top.number === REQUEST.metadata;
  }
  if (sawVersion1 && series === 0) refusals.addRequest(WRONG_VERSION);
  const output = new Output(256 + Math.min(maxBytes, series * 4 + strings));
  const reader = new SeriesReader2({ bytes, symbols, output, refusals });
  top.enter(bytes);
  while (top.next()) {
    if (top.number === REQUEST_2.timeseries) reader.read(top.start, top.end);
  }
  const chunk = output.length > 0 ? output.finish() : undefined;
  if (chunk === undefined) output.discard();
  const refused = refusals.finish();
  return {
    counts: reader.counts,
    ...(chunk !== undefined && { bytes: chunk }),
    ...(refused !== undefined && { refused }),
  };
}

const WRONG_VERSION: Fault = {
  reason: 'wrong_version',
  message:
    'the body is remote-write 1.0; say so with content-type application/x-protobuf;proto=prometheus.WriteRequest',
};
