import type { Batch, Form } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { InFlight } from '../../../net/client/in-flight.ts';
import type {
  KafkaFault,
  KafkaHeader,
  KafkaProducer,
  ProducerOptions,
} from '../../../net/kafka/client.ts';
import { loadKafkaLibrary } from '../../../net/kafka/library.ts';
import { BATCH_OVERHEAD, sizeOfRecord } from '../../../net/kafka/record-batch.ts';
import { connectionOf } from '../../../net/kafka/settings.ts';
import { Addresses, type Sorted } from './addresses.ts';
import { Limits } from './limits.ts';
import { Oversize } from './oversize.ts';
import { type Cargo, type Encoding, halvesOf, type Parcel, parcelsOf } from './parcel.ts';
import { Round, type Sending } from './round.ts';
import type { Config } from './settings.ts';
import { retryOf, Shipment } from './shipment.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** The form that metrics must have for an encoding. */
export function formOf(encoding: Encoding): Form {
  return encoding === 'prometheus_remote_write' ? 'prometheus' : 'otlp';
}

/** Writes batches to Kafka as records, one attempt each. */
export class KafkaExporter implements Exporter {
  readonly #config: Config;
  readonly #options: ProducerOptions;
  readonly #addresses: Addresses;
  readonly #limits: Limits;
  readonly #oversize: Oversize;
  readonly #inFlight = new InFlight();
  readonly #shipments = new WeakMap<Batch, Shipment>();
  readonly #fixedHeaders: readonly KafkaHeader[];
  #producer: KafkaProducer | undefined;
  /** Whose turn it is among the partitions, for records without a key. */
  #turn = 0;

  constructor(config: Config, context: Context) {
    this.#config = config;
    this.#options = producerOptions(config, context.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#addresses = new Addresses(config);
    const { producer, metadata, record_headers: fixed } = config;
    const { clock } = context;
    this.#limits = new Limits(producer.max_message_bytes, metadata.refresh_interval, clock);
    this.#oversize = new Oversize(config, context);
    this.#fixedHeaders = Object.entries(fixed).map(([name, value]) => header(name, value));
  }

  async start(): Promise<void> {
    const library = await loadKafkaLibrary(this.#config.client);
    this.#producer = library.createProducer(this.#options);
  }

  send(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const producer = this.#producer;
    if (producer !== undefined && !this.#inFlight.stopped) {
      return this.#inFlight.run(() => this.#attempt(batch, producer, signal));
    }
    return Promise.resolve({ kind: 'retry', reason: 'stopping', message: 'the exporter stops' });
  }

  /** Lets what is under way finish until `deadline`; what is left then ends as `retry`. */
  async stop(deadline?: AbortSignal): Promise<void> {
    await this.#inFlight.stop(deadline);
    await this.#producer?.close();
  }

  async #attempt(batch: Batch, producer: KafkaProducer, signal: AbortSignal): Promise<Outcome> {
    const { encoding } = this.#config[batch.signal];
    if (formOf(encoding) !== batch.form) {
      const message = `cannot write ${batch.form} data as ${encoding}`;
      return { kind: 'rejected', reason: 'wrong_form', message, fault: 'internal' };
    }
    const headers = this.#headersOf(batch);
    const known = this.#shipments.get(batch);
    const shipment = known ?? (await this.#load(batch, { producer, headers, signal }));
    if (!(shipment instanceof Shipment)) return retryOrReject(shipment);
    this.#shipments.set(batch, shipment);
    while (shipment.left.length > 0) {
      const fault = await this.#round(batch, shipment, { producer, headers, signal });
      if (fault !== undefined) return retryOf(fault);
    }
    return shipment.outcome();
  }

  /** Makes records of a batch. */
  async #load(batch: Batch, of: Sending): Promise<Shipment | KafkaFault> {
    const sorted = await this.#sort(batch, of);
    if ('reason' in sorted) return sorted;
    const { encoding } = this.#config[batch.signal];
    const parcels: Parcel[] = [];
    const shipment = new Shipment(batch, parcels);
    for (const { items, topic } of sorted.misaddressed) {
      const name = JSON.stringify(topic.slice(0, 64));
      const message = `${name} is no name of a topic; use letters, digits, dots, hyphens and underscores`;
      shipment.lose(items, { reason: 'invalid_topic', message });
    }
    for (const cargo of sorted.cargo) {
      const maxBytes = this.#roomIn(cargo, of.headers);
      for (const parcel of parcelsOf(cargo, batch, { encoding, maxBytes })) {
        if (parcel.value.length <= maxBytes) parcels.push(parcel);
        else parcels.push(...this.#tooLarge(parcel, batch, shipment));
      }
    }
    return shipment;
  }

  async #sort(batch: Batch, { producer, signal }: Sending): Promise<Sorted | KafkaFault> {
    if (!this.#addresses.bySeries(batch)) return this.#addresses.sort(batch);
    const partitions = await producer.partitions(this.#addresses.topicOf(batch), signal);
    return typeof partitions === 'number'
      ? this.#addresses.sortSeries(batch, partitions)
      : partitions;
  }

  /** Sends what fits in one go; answers the fault that the rest waits for. */
  async #round(batch: Batch, shipment: Shipment, of: Sending): Promise<KafkaFault | undefined> {
    const { record_partitioner: partitioner, producer: own } = this.#config;
    const round = new Round({
      ...of,
      limits: this.#limits,
      maxRecords: Math.min(shipment.maxRecords, own.flush_max_messages || Infinity),
      maxBytes: own.max_broker_write_bytes,
      hasher: partitioner.round_robin === undefined ? partitioner.sticky_key.hasher : 'none',
      timestampMs: Math.floor(batch.origin.receivedAt),
      headersOf: (parcel) => this.#deadHeaders(parcel, batch),
    });
    const first = this.#turn++;
    const results = await round.send(shipment.left, first);
    let waiting: KafkaFault | undefined;
    const left: Parcel[] = [];
    for (const { parcel, fault, together } of results) {
      if (fault === undefined) {
        if (parcel.dead) shipment.lose(parcel.cargo.items, this.#oversize.kept(parcel));
      } else if (fault === 'later') left.push(parcel);
      else if (fault.kind === 'retry') {
        waiting ??= fault;
        left.push(parcel);
      } else if (fault.kind === 'rejected') {
        shipment.lose(parcel.cargo.items, fault);
      } else if (together > 1) {
        shipment.maxRecords = Math.ceil(together / 2);
        left.push(parcel);
      } else left.push(...this.#smaller(parcel, batch, shipment));
    }
    shipment.left = left;
    return waiting;
  }

  /** A record that was refused by itself: in halves, or without the one item it is. */
  #smaller(parcel: Parcel, batch: Batch, shipment: Shipment): readonly Parcel[] {
    const { encoding } = this.#config[batch.signal];
    const halves = parcel.dead ? undefined : halvesOf(parcel, batch, encoding);
    if (halves === undefined) return this.#tooLarge(parcel, batch, shipment);
    this.#limits.refused(parcel.cargo.address.topic, parcel.value.length);
    return halves;
  }

  #tooLarge(parcel: Parcel, batch: Batch, shipment: Shipment): readonly Parcel[] {
    const redirected = parcel.dead ? undefined : this.#oversize.redirect(parcel, batch);
    if (redirected !== undefined) return [redirected];
    shipment.lose(parcel.cargo.items, this.#oversize.dropped(parcel));
    return [];
  }

  /** Bytes that the value of a record for this address may have. */
  #roomIn({ address }: Cargo, headers: readonly KafkaHeader[]): number {
    const around = sizeOfRecord({ key: address.key, value: NOTHING, headers }) + BATCH_OVERHEAD;
    return Math.max(1, this.#limits.of(address.topic) - around);
  }

  #headersOf({ origin, signal }: Batch): readonly KafkaHeader[] {
    const {
      tenant_header: tenant,
      signal_header: kind,
      include_metadata_keys: names,
    } = this.#config;
    const headers = [...this.#fixedHeaders];
    if (tenant !== '') headers.push(header(tenant, origin.tenant));
    if (kind !== '') headers.push(header(kind, signal));
    for (const name of names) {
      for (const value of origin.metadata[name] ?? []) headers.push(header(name, value));
    }
    return headers;
  }

  #deadHeaders(parcel: Parcel, batch: Batch): readonly KafkaHeader[] {
    return parcel.dead ? this.#oversize.headersOf(parcel, this.#addresses.topicOf(batch)) : [];
  }
}

function producerOptions(config: Config, timeoutMs: number): ProducerOptions {
  const { producer, metadata } = config;
  const { level } = producer.compression_params;
  return {
    ...connectionOf(config, timeoutMs),
    acks: producer.required_acks,
    idempotent: producer.idempotent,
    compression: producer.compression,
    ...(level === undefined ? {} : { compressionLevel: level }),
    allowAutoTopicCreation: producer.allow_auto_topic_creation,
    metadataMaxAgeMs: metadata.refresh_interval,
  };
}

function header(name: string, value: string): KafkaHeader {
  return [name, encoder.encode(value)];
}

function retryOrReject(fault: KafkaFault): Outcome {
  if (fault.kind === 'retry') return retryOf(fault);
  const { reason, message } = fault;
  return { kind: 'rejected', reason, message };
}
