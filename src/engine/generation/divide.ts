/** How batches are divided between shards, by what must stay together. */
import { type Batch, type Bytes, withChunks } from '../../contract/batch.ts';
import type { ExchangeKey } from '../../contract/component.ts';
import { TracePartition } from '../../formats/otlp/partition.ts';
import { SeriesPartition } from '../../formats/prometheus/partition.ts';
import { hashRange } from '../../formats/prometheus/ranges.ts';
import type { Divide } from '../pipeline/exchange.ts';

interface Share {
  readonly bytes: Bytes;
  readonly items: number;
}

/** The shares of all places of one chunk; see `SeriesPartition.divide`. */
type DivideChunk = (chunk: Bytes, rest: number) => readonly (Share | undefined)[];

/** The same in all shards. */
const SEED = 0x7e4a47;

/** Divides batches between `count` shards so that each has all of its keys. */
export function divideBy(key: ExchangeKey, count: number): Divide {
  const ownerOf = (hash: number) => ownerAmong(hash, count);
  if (key === 'tenant') {
    return (batch) => {
      const tenant = Buffer.from(batch.origin.tenant);
      const owner = ownerOf(hashRange(tenant, 0, tenant.length, SEED));
      return Array.from({ length: count }, (_, place) => (place === owner ? batch : undefined));
    };
  }
  if (key === 'series') return divideSeries(count, ownerOf);
  if (key === 'series_group') {
    const groups = new SeriesPartition(count, ownerOf, true);
    return chunkwise(count, (chunk, rest) => groups.divide(chunk, rest));
  }
  const traces = new TracePartition(count, (bytes, start, end) =>
    ownerOf(hashRange(bytes, start, end, SEED)),
  );
  return chunkwise(count, (chunk, rest) => traces.divide(chunk, rest));
}

/** Divides batches of the `prometheus` form into `count` parts by the hashes of their labels. */
export function divideSeries(count: number, placeOf: (hash: number) => number): Divide {
  const series = new SeriesPartition(count, placeOf);
  return chunkwise(count, (chunk, rest) => series.divide(chunk, rest));
}

/** By the upper half of the hash: lanes within a shard go by the lower. */
function ownerAmong(hash: number, count: number): number {
  return ((hash >>> 16) * count) >>> 16;
}

function chunkwise(count: number, divide: DivideChunk): Divide {
  return (batch, here) => {
    const gathered = Array.from({ length: count }, () => ({
      chunks: new Array<Bytes>(),
      items: 0,
    }));
    for (const chunk of batch.chunks) {
      for (const [place, share] of divide(chunk, here).entries()) {
        if (share === undefined) continue;
        gathered[place]!.chunks.push(share.bytes);
        gathered[place]!.items += share.items;
      }
    }
    return gathered.map(({ chunks, items }) => partOf(batch, chunks, items));
  };
}

function partOf(batch: Batch, chunks: readonly Bytes[], items: number): Batch | undefined {
  return chunks.length === 0 ? undefined : withChunks(batch, chunks, items);
}
