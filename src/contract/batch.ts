/** The kinds of telemetry. Code that branches on this belongs in `formats/`, nowhere else. */
export type Signal = 'traces' | 'metrics' | 'logs';

/** How the bytes of a batch are encoded: OTLP export requests, or remote-write TimeSeries messages. */
export type Form = 'otlp' | 'prometheus';

/** A message in an `ArrayBuffer` of its own, so that it can be transferred to another thread. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Telemetry on its way through the collector, as the protobuf it arrived as.
 *
 * Every chunk is a valid encoded request by itself, and by the nature of protobuf the chunks one
 * after the other are a valid encoding of their merge. So batching appends to a list and nobody
 * copies. Chunks are uncompressed, validated to the leaves, and never written to: a change makes
 * a new batch. That is why fan-out copies nothing and why a batch may wait in a queue, be
 * retried and be read at the same time.
 */
export interface Batch {
  readonly signal: Signal;
  readonly form: Form;
  /** At least one; none of them empty unless the whole batch is. */
  readonly chunks: readonly Bytes[];
  /** Sum of the lengths of `chunks`. */
  readonly byteLength: number;
  /** Spans, data points, log records or samples in `chunks`. */
  readonly items: number;
  readonly origin: Origin;
}

/** Request headers a receiver was told to keep: lower-case name to values. */
export type Metadata = Readonly<Record<string, readonly string[]>>;

/**
 * What the edge knew about a batch and the bytes do not say. It survives batching, sampling,
 * queues and retries; two tenants never share a batch. Structured-cloneable.
 */
export interface Origin {
  /** Id of the receiver, such as `otlp/edge`. */
  readonly receiver: string;
  readonly tenant: string;
  /** Milliseconds since the epoch, with fraction: when the whole request was here. */
  readonly receivedAt: number;
  readonly metadata: Metadata;
  /** Address of the client, without its port; absent on unix sockets. */
  readonly clientAddress?: string;
}

/** The origin of what came with a request to the receiver of this id. */
export function originOf(request: Omit<Origin, 'receiver'>, receiver: string): Origin {
  const { receivedAt, tenant, metadata, clientAddress } = request;
  return clientAddress === undefined
    ? { receiver, tenant, receivedAt, metadata }
    : { receiver, tenant, receivedAt, metadata, clientAddress };
}

/** A batch of one chunk. */
export function batchOf(
  bytes: Bytes,
  items: number,
  of: Pick<Batch, 'signal' | 'form' | 'origin'>,
): Batch {
  const { signal, form, origin } = of;
  return { signal, form, chunks: [bytes], byteLength: bytes.length, items, origin };
}

/** The same batch with other chunks. */
export function withChunks(batch: Batch, chunks: readonly Bytes[], items: number): Batch {
  let byteLength = 0;
  for (const chunk of chunks) byteLength += chunk.length;
  return { ...batch, chunks, byteLength, items };
}

/** All chunks in one array: the only chunk itself, or a copy. */
export function joinChunks(chunks: readonly Bytes[], byteLength: number): Bytes {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(byteLength);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
