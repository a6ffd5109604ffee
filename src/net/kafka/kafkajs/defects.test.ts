/**
 * Defects of kafkajs 2.2.4, each shown in the library as it is, so that a version that has mended
 * one says so here, and each absent from the library as it is used.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { KafkajsProducer } from './producer.ts';

const run = promisify(execFile);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What a thread of its own says that answers one request on a queue and waits a moment. */
async function timersAfterAnAnswer(mended: boolean): Promise<number> {
  const script = `
    import { createRequire } from 'node:module';
    const { mendRequestQueue } = await import(${JSON.stringify(here('request-queue.ts'))});
    if (${mended}) mendRequestQueue();
    const RequestQueue = createRequire(${JSON.stringify(here('x.js'))})('kafkajs/src/network/requestQueue');
    let timers = 0;
    const plain = globalThis.setTimeout;
    globalThis.setTimeout = (...of) => (timers++, plain(...of));
    const logger = { debug() {}, warn() {} };
    const queue = new RequestQueue({ maxInFlightRequests: 5, requestTimeout: 1000, logger, isConnected: () => true });
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
    plain(() => { console.log(timers); process.exit(); }, 200);
  `;
  const { stdout } = await run(process.execPath, [
    '--no-warnings',
    '--input-type=module',
    '-e',
    script,
  ]);
  return Number(stdout.trim());
}

test('the library polls every millisecond once a broker has answered; mended, it arms no timer', async () => {
  assert.ok((await timersAfterAnAnswer(false)) > 20, 'the library has mended it');
  assert.equal(await timersAfterAnAnswer(true), 0);
});

test('a queue that is throttled still looks again when requests wait', async () => {
  const script = `
    import { createRequire } from 'node:module';
    (await import(${JSON.stringify(here('request-queue.ts'))})).mendRequestQueue();
    const RequestQueue = createRequire(${JSON.stringify(here('x.js'))})('kafkajs/src/network/requestQueue');
    const logger = { debug() {}, warn() {} };
    const queue = new RequestQueue({ maxInFlightRequests: 5, requestTimeout: 1000, logger, isConnected: () => true });
    queue.maybeThrottle(50);
    queue.push({ entry: { correlationId: 1 }, expectResponse: true, sendRequest: () => console.log('sent') });
  `;
  const { stdout } = await run(process.execPath, [
    '--no-warnings',
    '--input-type=module',
    '-e',
    script,
  ]);
  assert.equal(stdout.trim(), 'sent');
});

test('the library has gzip alone; all codecs are there once a producer was connected', async () => {
  const script = `
    const { default: kafkajs } = await import(${JSON.stringify(import.meta.resolve('kafkajs'))});
    const works = () => ['Snappy', 'LZ4', 'ZSTD'].map((name) => {
      try { return kafkajs.CompressionCodecs[kafkajs.CompressionTypes[name]]() !== undefined; } catch { return false; }
    });
    const before = works();
    (await import(${JSON.stringify(here('codecs.ts'))})).registerCodecs();
    console.log(JSON.stringify([before, works()]));
  `;
  const { stdout } = await run(process.execPath, [
    '--no-warnings',
    '--input-type=module',
    '-e',
    script,
  ]);
  assert.deepEqual(JSON.parse(stdout), [
    [false, false, false],
    [true, true, true],
  ]);
});

/** A broker that answers ApiVersions and Metadata, and nothing else, ever. */
async function hungBroker(t: TestContext): Promise<{ address: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

test('the library waits for a hung broker before it lets go; a producer is closed at once', async (t) => {
  const { address } = await hungBroker(t);
  const options = {
    clientId: 'test',
    brokers: [address],
    requestTimeout: 3000,
    retry: { retries: 0 },
  };
  const library = new kafkajs.Kafka({ ...options, logLevel: kafkajs.logLevel.NOTHING }).producer();
  const connecting = library.connect().catch(() => undefined);
  const producer = new KafkajsProducer({
    clientId: 'test',
    brokers: [address],
    connectTimeoutMs: 3000,
    requestTimeoutMs: 30_000,
    acks: 1,
    idempotent: false,
    compression: 'none',
    allowAutoTopicCreation: false,
    metadataMaxAgeMs: 1000,
  });
  const asked = producer.partitions('any', AbortSignal.timeout(60_000));
  await new Promise((resolve) => setImmediate(resolve));
  const began = performance.now();
  await producer.close();
  assert.ok(performance.now() - began < 2000, 'closed at once');
  assert.partialDeepStrictEqual(await asked, { kind: 'retry' });
  await connecting;
  assert.ok(performance.now() - began > 2000, 'the library has mended it');
  await library.disconnect().catch(() => undefined);
});
