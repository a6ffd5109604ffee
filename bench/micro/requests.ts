import { Writer } from '../../src/wire/writer.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a sample request is made of. */
export interface SampleOptions {
  readonly items: number;
  readonly resources?: number;
  readonly attributes?: number;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'];
const SERVICES = ['checkout', 'cart', 'payment', 'frontend', 'shipping'];

/** A traces request: 512 spans in 5 resources with 10 attributes each take about 207 kB. */
export function sampleTraces({ items, resources = 5, attributes = 10 }: SampleOptions): Bytes {
  const writer = new Writer(items * 512);
  eachResource(writer, items, resources, (index) => {
    writer.open(2);
    writer
      .bytes(1, id(16, index))
      .bytes(2, id(8, index + 7))
      .bytes(4, id(8, index + 3));
    writer.string(5, `${METHODS[index % 4]} /api/v1/orders/{id}`).uint(6, 1 + (index % 5));
    writer.fixed64(7, BASE_TIME + BigInt(index)).fixed64(8, BASE_TIME + BigInt(index * 1000));
    for (let each = 0; each < attributes; each++) attribute(writer, 9, each, index);
    writer.open(15).uint(3, 1).close().fixed32(16, 257);
    writer.close();
  });
  return writer.finish();
}

/** A logs request: 512 records in 5 resources take about 123 kB. */
export function sampleLogs({ items, resources = 5, attributes = 4 }: SampleOptions): Bytes {
  const writer = new Writer(items * 512);
  eachResource(writer, items, resources, (index) => {
    writer.open(2);
    writer
      .fixed64(1, BASE_TIME + BigInt(index))
      .uint(2, 9)
      .string(3, 'INFO');
    writer
      .open(5)
      .string(1, `request ${index} for order ${index * 31} took 12 ms`)
      .close();
    for (let each = 0; each < attributes; each++) attribute(writer, 6, each, index);
    writer.bytes(9, id(16, index)).bytes(10, id(8, index)).fixed64(11, BASE_TIME);
    writer.close();
  });
  return writer.finish();
}

const BASE_TIME = 1_760_000_000_000_000_000n;

function eachResource(
  writer: Writer,
  items: number,
  resources: number,
  writeItem: (index: number) => void,
): void {
  for (let resource = 0, index = 0; resource < resources; resource++) {
    writer.open(1).open(1);
    for (let each = 0; each < 5; each++) attribute(writer, 1, each, resource);
    writer.close().open(2).open(1).string(1, `scope-${resource}`).string(2, '1.0.0').close();
    const last = Math.floor((items * (resource + 1)) / resources);
    for (; index < last; index++) writeItem(index);
    writer.close().close();
  }
}

const KEYS = [
  'http.request.method',
  'url.path',
  'server.address',
  'http.response.status_code',
  'user_agent.original',
  'network.peer.port',
  'service.version',
  'deployment.environment',
  'k8s.pod.name',
  'sampled',
];

function attribute(writer: Writer, number: number, each: number, index: number): void {
  writer
    .open(number)
    .string(1, KEYS[each % KEYS.length]!)
    .open(2);
  if (each % 10 === 3) writer.uint(3, 200 + (index % 300));
  else if (each % 10 === 5) writer.uint(3, 1024 + index);
  else if (each % 10 === 9) writer.uint(2, index & 1);
  else writer.string(1, `${SERVICES[(index + each) % 5]}-${index % 97}`);
  writer.close().close();
}

function id(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed + 1) * 2654435761;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
