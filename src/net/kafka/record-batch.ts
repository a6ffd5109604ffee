/**
 * Record batches as a producer writes them, version 2 of the format. Each is one array: the
 * records are written in place behind the head, or compressed into that place.
 */
import { releaseBytes, takeBytes } from '../../wire/memory.ts';
import { type Codec, compress } from '../compress.ts';
import type { KafkaCompression, OutgoingRecord } from './client.ts';

// RecordBatch => base_offset int64, length int32, leader_epoch int32, magic int8, crc uint32,
//   attributes int16, last_offset_delta int32, base_timestamp int64, max_timestamp int64,
//   producer_id int64, producer_epoch int16, base_sequence int32, records int32, then the records.
const LENGTH_AT = 8;
const EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_AT = 23;
const BASE_TIME_AT = 27;
const MAX_TIME_AT = 35;
const PRODUCER_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const SEQUENCE_AT = 53;
const COUNT_AT = 57;
const HEAD_BYTES = 61;
const MAGIC = 2;

const ATTRIBUTES: Readonly<Record<KafkaCompression, number>> = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
};

/** Attributes, time and offset of a record, the last at its longest. */
const RECORD_HEAD_BYTES = 7;
const encoder = new TextEncoder();

/** Identity of an idempotent producer, and the number of the first record. */
export interface Sequence {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly first: number;
}

export interface BatchOptions {
  readonly compression: KafkaCompression;
  readonly level?: number;
  readonly timestampMs: number;
  readonly sequence?: Sequence;
  /** CRC-32C of the bytes, unsigned. */
  readonly crc32c: (bytes: Buffer) => number;
}

/** Bytes a record takes in a batch before compression, at most. */
export function sizeOfRecord(record: OutgoingRecord): number {
  let size = 5 + RECORD_HEAD_BYTES + 10 + (record.key?.length ?? 0) + record.value.length;
  for (const [name, value] of record.headers) size += 10 + name.length * 3 + value.length;
  return size + 5;
}

/** Bytes of a batch beside its records. */
export const BATCH_OVERHEAD = HEAD_BYTES;

/**
 * One batch of `records`, of which there is at least one. It is held by the caller, who may release
 * it: `releaseBatch`.
 */
export async function encodeRecordBatch(
  records: readonly OutgoingRecord[],
  options: BatchOptions,
): Promise<Buffer> {
  let room = HEAD_BYTES;
  for (const record of records) room += sizeOfRecord(record);
  const plain = takeBuffer(room);
  const end = writeRecords(plain, HEAD_BYTES, records);
  let batch = plain.subarray(0, end);
  if (options.compression !== 'none') {
    batch = await compressed(plain.subarray(HEAD_BYTES, end), options.compression, options.level);
    releaseBatch(plain);
  }
  writeHead(batch, records.length, options);
  return batch;
}

/** Lets go of a batch; nobody may look at it any more. */
export function releaseBatch({ buffer }: Buffer): void {
  releaseBytes(new Uint8Array(buffer as ArrayBuffer));
}

async function compressed(
  records: Uint8Array,
  codec: Codec & KafkaCompression,
  level: number | undefined,
): Promise<Buffer> {
  const { chunks, byteLength } = await compress(codec, [records], records.length, level);
  const batch = takeBuffer(HEAD_BYTES + byteLength);
  let at = HEAD_BYTES;
  for (const chunk of chunks) {
    batch.set(chunk, at);
    at += chunk.length;
  }
  return batch;
}

function takeBuffer(length: number): Buffer {
  const { buffer, byteOffset } = takeBytes(length);
  return Buffer.from(buffer, byteOffset, length);
}

function writeHead(batch: Buffer, count: number, options: BatchOptions): void {
  const { sequence } = options;
  const time = BigInt(options.timestampMs);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - EPOCH_AT, LENGTH_AT);
  batch.writeInt32BE(-1, EPOCH_AT);
  batch.writeInt8(MAGIC, MAGIC_AT);
  batch.writeInt16BE(ATTRIBUTES[options.compression], ATTRIBUTES_AT);
  batch.writeInt32BE(count - 1, LAST_OFFSET_AT);
  batch.writeBigInt64BE(time, BASE_TIME_AT);
  batch.writeBigInt64BE(time, MAX_TIME_AT);
  batch.writeBigInt64BE(sequence?.producerId ?? -1n, PRODUCER_AT);
  batch.writeInt16BE(sequence?.producerEpoch ?? -1, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(sequence?.first ?? -1, SEQUENCE_AT);
  batch.writeInt32BE(count, COUNT_AT);
  batch.writeUInt32BE(options.crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
}

// Record => length varint, attributes int8, timestamp_delta varlong, offset_delta varint,
//   key_length varint, key, value_length varint, value, headers varint, then per header:
//   name_length varint, name, value_length varint, value. All varints are zigzag.
function writeRecords(into: Buffer, start: number, records: readonly OutgoingRecord[]): number {
  let at = start;
  let headers: OutgoingRecord['headers'] | undefined;
  let names: readonly Uint8Array[] = [];
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    // Most records have the very headers of the one before.
    if (record.headers !== headers) {
      headers = record.headers;
      names = headers.map(([name]) => encoder.encode(name));
    }
    at = writeVarint(into, at, lengthOf(record, index, names));
    into[at++] = 0;
    into[at++] = 0;
    at = writeVarint(into, at, index);
    at = record.key === undefined ? writeVarint(into, at, -1) : writeBytes(into, at, record.key);
    at = writeBytes(into, at, record.value);
    at = writeVarint(into, at, names.length);
    for (let header = 0; header < names.length; header++) {
      at = writeBytes(into, at, names[header]!);
      at = writeBytes(into, at, record.headers[header]![1]);
    }
  }
  return at;
}

function lengthOf(record: OutgoingRecord, index: number, names: readonly Uint8Array[]): number {
  const { key, value, headers } = record;
  let length = 2 + sizeOfVarint(index) + sizeOfVarint(names.length);
  length += key === undefined ? 1 : sizeOfVarint(key.length) + key.length;
  length += sizeOfVarint(value.length) + value.length;
  for (let header = 0; header < names.length; header++) {
    const nameLength = names[header]!.length;
    const valueLength = headers[header]![1].length;
    length += sizeOfVarint(nameLength) + nameLength + sizeOfVarint(valueLength) + valueLength;
  }
  return length;
}

function writeBytes(into: Buffer, at: number, bytes: Uint8Array): number {
  const start = writeVarint(into, at, bytes.length);
  into.set(bytes, start);
  return start + bytes.length;
}

function writeVarint(into: Buffer, at: number, value: number): number {
  let left = ((value << 1) ^ (value >> 31)) >>> 0;
  let position = at;
  while (left >= 0x80) {
    into[position++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  into[position++] = left;
  return position;
}

function sizeOfVarint(value: number): number {
  let left = ((value << 1) ^ (value >> 31)) >>> 0;
  let size = 1;
  for (; left >= 0x80; left >>>= 7) size++;
  return size;
}
