/** The Produce request of the protocol, around record batches that are encoded already. */
import {
  type Base,
  type Connection,
  kGetApi,
  produceV3,
  produceV7,
  produceV9,
  UnsupportedApiError,
  Writer,
} from '@platformatic/kafka';
import { type Api, wireOf } from './wire.ts';

/** What a broker answers, throttling and each partition's error with it. */
export type ProduceResponse = ReturnType<typeof produceV9.parseResponse>;

/** A batch on its way to its partition. */
export interface EncodedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

type Produce = (
  connection: Connection,
  acks: number,
  timeoutMs: number,
  batches: readonly EncodedBatch[],
) => Promise<ProduceResponse | undefined>;

const PRODUCE = 0;

// ProduceRequest => transactional_id, acks int16, timeout_ms int32, [topic, [partition int32, records]]
// From version 9 on lengths are compact and messages end with tagged fields.
function request(compact: boolean) {
  return (acks: number, timeoutMs: number, batches: readonly EncodedBatch[]): Writer => {
    const topics = new Map<string, EncodedBatch[]>();
    for (const each of batches) {
      const known = topics.get(each.topic);
      if (known === undefined) topics.set(each.topic, [each]);
      else known.push(each);
    }
    const writer = Writer.create().appendString(undefined, compact);
    writer.appendInt16(acks).appendInt32(timeoutMs);
    const partition = (to: Writer, each: EncodedBatch): void => {
      to.appendInt32(each.partition).appendBytes(each.batch, compact);
    };
    const topic = (to: Writer, [name, own]: [string, EncodedBatch[]]): void => {
      to.appendString(name, compact).appendArray(own, partition, compact, compact);
    };
    writer.appendArray([...topics], topic, compact, compact);
    if (compact) writer.appendTaggedFields();
    return writer;
  };
}

interface Version extends Api<ProduceResponse> {
  readonly request: ReturnType<typeof request>;
}

/** The versions of the request that are spoken, the newest first. */
const VERSIONS: readonly Version[] = [
  {
    key: PRODUCE,
    version: 9,
    compact: true,
    request: request(true),
    parse: produceV9.parseResponse,
  },
  {
    key: PRODUCE,
    version: 7,
    compact: false,
    request: request(false),
    parse: produceV7.parseResponse,
  },
  {
    key: PRODUCE,
    version: 3,
    compact: false,
    request: request(false),
    parse: produceV3.parseResponse,
  },
];

/** The newest version that the cluster behind `client` speaks too. */
export function produceApi(client: Base): Promise<Produce> {
  return new Promise((resolve, reject) => {
    client[kGetApi]('Produce', (error, newest) => {
      const version = newest?.version ?? 0;
      const spoken = VERSIONS.find((each) => each.version <= version);
      if (spoken === undefined || error !== null) {
        reject(error ?? new UnsupportedApiError(`it speaks Produce ${version} at most`));
        return;
      }
      const { clientId } = client;
      resolve((connection, acks, timeoutMs, batches) => {
        const payload = spoken.request(acks, timeoutMs, batches);
        return wireOf(connection).ask(spoken, { clientId, payload, timeoutMs, silent: acks === 0 });
      });
    });
  });
}
