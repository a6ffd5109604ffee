import type { Bytes, Metadata, Signal } from '../../../contract/batch.ts';
import type { HeaderLookup, Intake } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import {
  groupByResource,
  type ResourceGroup,
  stringOf,
} from '../../../formats/otlp/groups/by-resource.ts';
import type { FetchedRecords, IncomingRecord, KafkaHeader } from '../../../net/kafka/client.ts';
import { WireError } from '../../../wire/error.ts';
import { takeBytes } from '../../../wire/memory.ts';
import type { Encoding } from './keys.ts';
import type { TenantSource } from './settings.ts';

/** What the records of a topic are. */
export interface Route {
  readonly signal: Signal;
  readonly encoding: Encoding;
}

/** Records that follow one another in a partition, and go through the pipelines as one request. */
export interface Group extends Route {
  readonly records: readonly IncomingRecord[];
  /** Sum of the lengths of their values. */
  readonly byteLength: number;
  /** The offset behind the last of them. */
  readonly next: bigint;
  readonly tenant: string;
  readonly metadata: Metadata;
  /** Why they can never be taken, where that is known already. */
  readonly refusal?: Outcome;
}

/** Requests of more than this are not made of several records. */
const MAX_BYTES = 1024 * 1024;

const UTF8 = new TextDecoder();

const NOBODY = '';
const NOTHING = new Uint8Array(0);

/** How records are told apart and put together. */
export interface GroupingOptions {
  readonly tenant: TenantSource;
  /** Lower-case names of headers that become metadata. */
  readonly headers: readonly string[];
  readonly intake: Pick<Intake, 'tenantOf'>;
}

/**
 * Puts records together that follow one another and belong to one tenant with the same metadata:
 * encoded requests one after the other are the encoding of their merge. JSON stays by itself. A
 * record without a value (a tombstone) adds nothing but its offset.
 */
export function groupRecords(
  { topic, records }: Pick<FetchedRecords, 'topic' | 'records'>,
  route: Route,
  options: GroupingOptions,
): Group[] {
  const groups: Group[] = [];
  let open: Open | undefined;
  for (const record of records) {
    for (const { value, sender, next } of piecesOf(record, topic, options)) {
      const fits =
        open !== undefined &&
        route.encoding !== 'otlp_json' &&
        open.key === sender.key &&
        open.byteLength + value.length <= MAX_BYTES;
      if (!fits || open === undefined) {
        const { key, ...others } = sender;
        open = { key, byteLength: 0, records: [], next };
        groups.push(Object.assign(open, route, others));
      }
      open.records.push({ ...record, value });
      open.byteLength += value.length;
      open.next = next;
    }
  }
  return groups;
}

/** A group that may still grow. */
interface Open {
  readonly key: string;
  readonly records: IncomingRecord[];
  byteLength: number;
  next: bigint;
}

/** What of a record belongs to one sender. */
interface Piece {
  readonly value: Uint8Array;
  readonly sender: Sender;
  /** The offset to read next once this piece and all before it are done. */
  readonly next: bigint;
}

function piecesOf(
  record: IncomingRecord,
  topic: string,
  options: GroupingOptions,
): readonly Piece[] {
  const value = record.value ?? NOTHING;
  const next = record.offset + 1n;
  const { tenant } = options;
  if (tenant.from === 'header') {
    const named = tenantInHeader(record, tenant.name);
    return [{ value, next, sender: senderOf(record, named, options) }];
  }
  if (tenant.from === 'topic') {
    const named = tenantInTopic(tenant.pattern, topic);
    return [{ value, next, sender: senderOf(record, named, options) }];
  }
  const groups = groupsByTenant(value, tenant.key);
  return groups.map(({ key, bytes }, index) => ({
    value: bytes,
    sender: senderOf(record, key === NOBODY ? undefined : key, options),
    next: index === groups.length - 1 ? next : record.offset,
  }));
}

/** The resources of a request by tenant. What is no request is found out when it is checked. */
function groupsByTenant(value: Uint8Array, attribute: string): readonly ResourceGroup[] {
  const bytes = new Uint8Array(value);
  const key = new TextEncoder().encode(attribute);
  try {
    return groupByResource(bytes, (attributes) => stringOf(attributes, key) ?? NOBODY);
  } catch (error) {
    if (error instanceof WireError) return [{ key: NOBODY, bytes }];
    throw error;
  }
}

/** The same records one by one: to find out which of them cannot be taken. */
export function single(group: Group): readonly Group[] {
  return group.records.map((record) => ({
    ...group,
    records: [record],
    byteLength: record.value?.length ?? 0,
  }));
}

/** The values one after the other, in bytes of their own, held once by the caller. */
export function bodyOf({ records, byteLength }: Group): Bytes {
  const body = takeBytes(byteLength);
  let at = 0;
  for (const { value } of records) {
    if (value === undefined) continue;
    body.set(value, at);
    at += value.length;
  }
  return body;
}

/** The first value of a header, by its lower-case name. */
function headerValues(headers: readonly KafkaHeader[]): HeaderLookup {
  return (name) =>
    headers.filter(([own]) => own.toLowerCase() === name).map(([, value]) => UTF8.decode(value));
}

/** What records must have in common to be put together. */
interface Sender {
  readonly key: string;
  readonly tenant: string;
  readonly metadata: Metadata;
  readonly refusal?: Outcome;
}

const NO_METADATA: Metadata = {};

/** `named` is who says it before any header. */
function senderOf(
  record: IncomingRecord,
  named: string | undefined,
  { intake, headers }: GroupingOptions,
): Sender {
  const lookup = headerValues(record.headers);
  const tenant = intake.tenantOf(lookup, named);
  if (typeof tenant !== 'string') {
    const key = `refused ${record.offset}`;
    return { key, tenant: NOBODY, metadata: NO_METADATA, refusal: tenant };
  }
  if (headers.length === 0) return { key: tenant, tenant, metadata: NO_METADATA };
  const kept = headers.map((name) => [name, lookup(name)] as const);
  const metadata = Object.fromEntries(kept.filter(([, values]) => values.length > 0));
  return { key: JSON.stringify([tenant, kept]), tenant, metadata };
}

/** What the header says; said twice it is no valid tenant. */
function tenantInHeader({ headers }: IncomingRecord, name: string): string | undefined {
  const values = name === '' ? [] : headerValues(headers)(name);
  return values.length === 0 ? undefined : values.join();
}

/** What the expression finds; a name it does not match is no valid tenant. */
function tenantInTopic(pattern: RegExp, topic: string): string {
  return pattern.exec(topic)?.[1] ?? NOBODY;
}
