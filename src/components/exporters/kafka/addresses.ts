import { createHash } from 'node:crypto';
import type { Batch, Bytes, Origin } from '../../../contract/batch.ts';
import type { AttributeList } from '../../../formats/otlp/attributes.ts';
import { groupByResource, stringOf } from '../../../formats/otlp/groups/by-resource.ts';
import { groupByTrace } from '../../../formats/otlp/groups/by-trace.ts';
import { countItems } from '../../../formats/otlp/walk.ts';
import { SeriesPartition } from '../../../formats/prometheus/partition.ts';
import type { Address, Cargo } from './parcel.ts';
import { type Config, isTopic } from './settings.ts';

/** What a batch was divided into, and what of it has no topic. */
export interface Sorted {
  readonly cargo: readonly Cargo[];
  readonly misaddressed: readonly Misaddressed[];
}

export interface Misaddressed {
  readonly items: number;
  /** What is no name of a topic. */
  readonly topic: string;
}

const encoder = new TextEncoder();
const HASH_BYTES = 16;
/** Stands between topic and key: no topic has it. */
const SEPARATOR = '/';

/** Divides batches by where their parts go: by topic first, then by key. */
export class Addresses {
  readonly #config: Config;
  readonly #topicKey: Uint8Array | undefined;

  constructor(config: Config) {
    this.#config = config;
    const { topic_from_attribute: attribute } = config;
    this.#topicKey = attribute === undefined ? undefined : encoder.encode(attribute);
  }

  /** The topic that a batch goes to when no resource of it says otherwise. */
  topicOf({ signal, origin }: Pick<Batch, 'signal' | 'origin'>): string {
    const { topic, topic_from_metadata_key: name } = this.#config[signal];
    return fromMetadata(origin, name) ?? fill(topic, { signal, tenant: origin.tenant });
  }

  /** Whether a batch has to wait for the number of partitions of its topic. */
  bySeries({ form }: Pick<Batch, 'form'>): boolean {
    return form === 'prometheus' && this.#config.partition_metrics_by_series;
  }

  /** Divides a batch of the `prometheus` form by series, over `partitions`. */
  sortSeries(batch: Batch, partitions: number): Sorted {
    const topic = this.topicOf(batch);
    const partition = new SeriesPartition(partitions, (hash) => (hash >>> 0) % partitions);
    const piles = Array.from({ length: partitions }, () => new Pile());
    for (const chunk of batch.chunks) {
      partition.divide(chunk, 0).forEach((share, index) => {
        if (share !== undefined) piles[index]?.add(share.bytes, share.items);
      });
    }
    const cargo = piles.flatMap((pile, index) =>
      pile.chunks.length === 0 ? [] : [pile.cargo({ topic, partition: index })],
    );
    return checked(cargo);
  }

  /** Divides a batch. */
  sort(batch: Batch): Sorted {
    const { signal, chunks, byteLength, items, origin } = batch;
    const topic = this.topicOf(batch);
    const key = this.#keyOf(batch);
    const plain = keyed({ topic }, key);
    const whole = { address: plain, chunks, byteLength, items };
    if (batch.form !== 'otlp') return checked([whole]);
    const named = fromMetadata(origin, this.#config[signal].topic_from_metadata_key) !== undefined;
    const topicKey = named ? undefined : this.#topicKey;
    const byResource = this.#byResource(signal) && key === undefined;
    const resources =
      topicKey === undefined && !byResource
        ? [whole]
        : this.#byResources(batch, { address: plain, topicKey, byResource });
    const byTrace = this.#byTrace(signal) && this.#metadataKey(batch) === undefined;
    if (!byTrace || signal === 'metrics') return checked(resources);
    return checked(resources.flatMap((each) => traces(each, signal)));
  }

  #byResources(
    { chunks, signal }: Batch,
    of: { address: Address; topicKey: Uint8Array | undefined; byResource: boolean },
  ): Cargo[] {
    const piles = new Map<string, Pile>();
    const keyOf = (attributes: AttributeList): string => {
      const named = of.topicKey === undefined ? undefined : stringOf(attributes, of.topicKey);
      const hash = of.byResource ? hashOf(attributes) : '';
      return `${named ?? of.address.topic}${SEPARATOR}${hash}`;
    };
    for (const chunk of chunks) {
      for (const { key, bytes } of groupByResource(chunk, keyOf)) {
        pileAt(piles, key).add(bytes, countItems(signal, bytes));
      }
    }
    return [...piles].map(([place, pile]) => {
      const at = place.lastIndexOf(SEPARATOR);
      const hash = place.slice(at + 1);
      const address = { ...of.address, topic: place.slice(0, at) };
      return pile.cargo(keyed(address, hash === '' ? undefined : Buffer.from(hash, 'hex')));
    });
  }

  #byResource(signal: Batch['signal']): boolean {
    if (signal === 'metrics') return this.#config.partition_metrics_by_resource_attributes;
    return signal === 'logs' && this.#config.partition_logs_by_resource_attributes;
  }

  #byTrace(signal: Batch['signal']): boolean {
    if (signal === 'traces') return this.#config.partition_traces_by_id;
    return signal === 'logs' && this.#config.partition_logs_by_trace_id;
  }

  #metadataKey({ signal, origin }: Batch): Uint8Array | undefined {
    const text = fromMetadata(origin, this.#config[signal].message_key_from_metadata_key);
    return text === undefined ? undefined : encoder.encode(text);
  }

  /** The key that all of a batch has; undefined where its parts have theirs, or none. */
  #keyOf(batch: Batch): Uint8Array | undefined {
    const { signal, origin } = batch;
    const own = this.#metadataKey(batch);
    if (own !== undefined || !this.#config.partition_by_tenant) return own;
    return this.#byResource(signal) ? undefined : encoder.encode(origin.tenant);
  }
}

/** Bytes that go to one place. */
class Pile {
  readonly chunks: Bytes[] = [];
  #byteLength = 0;
  #items = 0;

  add(bytes: Bytes, items: number): void {
    this.chunks.push(bytes);
    this.#byteLength += bytes.length;
    this.#items += items;
  }

  cargo(address: Address): Cargo {
    return { address, chunks: this.chunks, byteLength: this.#byteLength, items: this.#items };
  }
}

function traces({ address, chunks }: Cargo, signal: 'traces' | 'logs'): Cargo[] {
  const piles = new Map<string, Pile>();
  for (const chunk of chunks) {
    for (const { traceId, bytes, items } of groupByTrace(signal, chunk)) {
      const name = traceId === undefined ? '' : Buffer.from(traceId).toString('hex');
      pileAt(piles, name).add(bytes, items);
    }
  }
  return [...piles].map(([name, pile]) =>
    pile.cargo(name === '' ? address : { ...address, key: encoder.encode(name) }),
  );
}

function pileAt(piles: Map<string, Pile>, key: string): Pile {
  const known = piles.get(key);
  if (known !== undefined) return known;
  const pile = new Pile();
  piles.set(key, pile);
  return pile;
}

/** 16 bytes of a hash over the attributes, whatever their order, in hex. */
function hashOf(attributes: AttributeList): string {
  const pairs = Array.from({ length: attributes.size }, (_, index) => {
    const key = Buffer.from(attributes.keyAt(index)).toString('latin1');
    const value = Buffer.from(attributes.valueAt(index)).toString('latin1');
    return `${key.length}:${key}${value.length}:${value}`;
  });
  const hash = createHash('sha256');
  for (const pair of pairs.toSorted()) hash.update(pair, 'latin1');
  return hash.digest().subarray(0, HASH_BYTES).toString('hex');
}

function keyed(address: Address, key: Uint8Array | undefined): Address {
  return key === undefined ? address : { ...address, key };
}

/** The first value of a request header; undefined when it is not there or empty. */
function fromMetadata({ metadata }: Origin, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : metadata[name]?.[0];
  return value === '' ? undefined : value;
}

/** A template with the fields of a batch in it. */
export function fill(topic: string, fields: { readonly signal: string; readonly tenant: string }) {
  return topic.replaceAll('{tenant}', fields.tenant).replaceAll('{signal}', fields.signal);
}

/** Sets aside what tenants, headers and attributes made no name of a topic. */
function checked(all: readonly Cargo[]): Sorted {
  const cargo: Cargo[] = [];
  const misaddressed: Misaddressed[] = [];
  for (const each of all) {
    const { topic } = each.address;
    if (isTopic(topic)) cargo.push(each);
    else misaddressed.push({ items: each.items, topic });
  }
  return { cargo, misaddressed };
}
