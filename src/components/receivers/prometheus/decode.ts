import { batchOf } from '../../../contract/batch.ts';
import type { Decoded, RawRequest } from '../../../contract/component.ts';

const FORMAT = /^series;items=(\d+)$/;

/** What a request of scraped series says of itself, so that nobody has to count them again. */
export function formatOf(items: number): string {
  return `series;items=${items}`;
}

/** The series of a scrape as a batch: they are in the form already. */
export function decode(request: RawRequest, receiver: string): Decoded {
  const { body, format, tenant, receivedAt, metadata } = request;
  const items = Number(FORMAT.exec(format)?.[1]);
  if (Number.isNaN(items)) throw new Error(`bug: scraped series with the format ${format}`);
  const origin = { receiver, tenant, receivedAt, metadata };
  return { batch: batchOf(body, items, { signal: 'metrics', form: 'prometheus', origin }) };
}
