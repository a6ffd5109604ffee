import { createHash } from 'node:crypto';
import type { Batch, Bytes } from '../../../contract/batch.ts';
import type { Context, Counter } from '../../../contract/context.ts';
import { groupByResource, stringOf } from '../../../formats/otlp/groups/by-resource.ts';
import type { KafkaHeader } from '../../../net/kafka/client.ts';
import { fill } from './addresses.ts';
import type { Parcel } from './parcel.ts';
import type { Config } from './settings.ts';
import type { Loss } from './shipment.ts';

const SERVICE = new TextEncoder().encode('service.name');
const LOG_EVERY_MS = 5000;
const HASH_DIGITS = 16;
const encoder = new TextEncoder();

/** Single items that are larger than their topic takes: said aloud, counted, and sent aside. */
export class Oversize {
  readonly #config: Config;
  readonly #context: Context;
  readonly #kept: Counter;
  readonly #dropped: Counter;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(config: Config, context: Context) {
    this.#config = config;
    this.#context = context;
    const count = (fate: string) =>
      context.meter.counter(
        'exporter_kafka_oversized_items',
        'Items that are larger alone than their topic takes.',
        { fate },
      );
    this.#kept = count('dead_lettered');
    this.#dropped = count('dropped');
  }

  /** The item on its way to the topic of dead letters; undefined where there is none. */
  redirect(parcel: Parcel, batch: Batch): Parcel | undefined {
    this.#say(parcel, batch);
    const { dead_letter: letter } = this.#config;
    if (letter === undefined) return undefined;
    const { signal, origin } = batch;
    const topic = fill(letter.topic, { signal, tenant: origin.tenant });
    const address = { topic };
    return { ...parcel, cargo: { ...parcel.cargo, address }, dead: true };
  }

  /** Headers that a dead letter has beside the usual ones. */
  headersOf({ value }: Parcel, topic: string): KafkaHeader[] {
    return [
      ['dead_letter.reason', encoder.encode('too_large')],
      ['dead_letter.topic', encoder.encode(topic)],
      ['dead_letter.bytes', encoder.encode(String(value.length))],
    ];
  }

  /** It is in the topic of dead letters. */
  kept({ cargo, value }: Parcel): Loss {
    this.#kept.add(cargo.items);
    const message = `${value.length} bytes are over the limit; written to ${cargo.address.topic}`;
    return { reason: 'dead_lettered', message };
  }

  /** It is nowhere. */
  dropped({ cargo, value }: Parcel): Loss {
    this.#dropped.add(cargo.items);
    const message = `${value.length} bytes of one item are over the limit of topic ${cargo.address.topic}; raise producer.max_message_bytes and the topic's max.message.bytes, or set dead_letter.topic`;
    return { reason: 'too_large', message };
  }

  #say(parcel: Parcel, batch: Batch): void {
    this.#unsaid++;
    const now = this.#context.clock.now();
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    const { cargo, value } = parcel;
    this.#context.log.warn('an item is too large for its topic', {
      tenant: batch.origin.tenant,
      service: serviceOf(batch, cargo.chunks[0]),
      signal: batch.signal,
      topic: cargo.address.topic,
      bytes: value.length,
      sha256: createHash('sha256').update(value).digest('hex').slice(0, HASH_DIGITS),
      dead_letter: this.#config.dead_letter?.topic ?? 'none',
      items: this.#unsaid,
    });
    this.#loggedAt = now;
    this.#unsaid = 0;
  }
}

function serviceOf({ form }: Batch, chunk: Bytes | undefined): string {
  if (form !== 'otlp' || chunk === undefined) return 'unknown';
  const [first] = groupByResource(chunk, (attributes) => stringOf(attributes, SERVICE) ?? '');
  return first === undefined || first.key === '' ? 'unknown' : first.key;
}
