import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { snappyBlock, snappyFrames } from '../../../net/codec/snappy-compress.ts';
import { encode1, encode2, post, send1, send2, startReceiver, UP, V1, V2 } from './fixture.test.ts';

const SNAPPY = { 'content-encoding': 'snappy' };
const BLOCK = Buffer.from(snappyBlock(encode1([UP])));
const BLOCK_2 = Buffer.from(snappyBlock(encode2([UP])));

test('PRW-W1: a body in the framed format of snappy is refused', async () => {
  await using running = await startReceiver();
  const framed = Buffer.concat(snappyFrames(encode1([UP])));
  const answer = await post(running, framed, { 'content-type': V1, ...SNAPPY });
  assert.equal(answer.status, 400);
  assert.match(answer.text, /block format/);
});

test('PRW-W2: a content type is understood in any spelling of RFC 9110', async () => {
  await using running = await startReceiver();
  const f = async (type: string, body: Buffer, version: string) => {
    const answer = await post(running, body, { 'content-type': type, ...SNAPPY });
    assert.equal(answer.status, 204, type);
    assert.equal(running.intake.requests.at(-1)?.format, version, type);
  };
  await f('application/x-protobuf', BLOCK, 'v1');
  await f('Application/X-Protobuf', BLOCK, 'v1');
  await f('application/x-protobuf;proto=prometheus.WriteRequest', BLOCK, 'v1');
  await f('application/x-protobuf; charset=utf-8', BLOCK, 'v1');
  await f(V2, BLOCK_2, 'v2');
  await f('application/x-protobuf; proto=io.prometheus.write.v2.Request', BLOCK_2, 'v2');
  await f('application/x-protobuf;PROTO = "io.prometheus.write.v2.Request" ', BLOCK_2, 'v2');
});

test('PRW-W3, R2: an encoding other than snappy is 415, and none at all is snappy', async () => {
  await using running = await startReceiver();
  const f = async (headers: Record<string, string>, status: number) => {
    const answer = await post(running, BLOCK, { 'content-type': V1, ...headers });
    assert.equal(answer.status, status, JSON.stringify(headers));
  };
  await f({ 'content-encoding': 'snappy' }, 204);
  await f({ 'content-encoding': 'Snappy' }, 204);
  await f({}, 204);
  for (const coding of ['gzip', 'zstd', 'identity', 'x-snappy-framed', 'snappy, gzip'])
    await f({ 'content-encoding': coding }, 415);
});

test('PRW-W4: the content type decides about the version, not the version header', async () => {
  await using running = await startReceiver();
  const version = 'x-prometheus-remote-write-version';
  const first = await post(running, BLOCK, { 'content-type': V1, ...SNAPPY, [version]: '2.0.0' });
  const second = await post(running, BLOCK_2, {
    'content-type': V2,
    ...SNAPPY,
    [version]: '0.1.0',
  });
  const third = await post(running, BLOCK, { 'content-type': V1 });
  assert.deepEqual([first.status, second.status, third.status], [204, 204, 204]);
  assert.deepEqual(
    running.intake.requests.map(({ format }) => format),
    ['v1', 'v2', 'v1'],
  );
});

test('PRW-W5: no header but the reserved four is asked for, and those of tenants are heard', async () => {
  await using running = await startReceiver({ include_metadata: true });
  const headers = { 'content-type': V1, ...SNAPPY, 'x-scope-orgid': 'team-a', 'x-own': 'yes' };
  assert.equal((await post(running, BLOCK, headers)).status, 204);
  const [batch] = running.intake.batches;
  assert.equal(batch?.origin.tenant, 'team-a');
  assert.deepEqual(batch.origin.metadata['x-own'], ['yes']);
});

test('PRW-W6: values arrive bit by bit: stale markers, NaN payloads, signed zeros, any int64 time', async () => {
  await using running = await startReceiver();
  const bits = [
    0x7ff0000000000002n,
    0x7ff8000000000001n,
    0xfff4deadbeef0001n,
    0x8000000000000000n,
    0x0000000000000001n,
    0x7ff0000000000000n,
  ];
  const times = ['9007199254740993', '-9223372036854775808'];
  const samples = bits.map((_, i) => ({ value: 1, timestamp: String(times[i % 2]) }));
  for (const [encode, send] of [
    [encode1, send1],
    [encode2, send2],
  ] as const) {
    const body = encode([{ ...UP, samples }]);
    const places = indexesOf(body, Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]));
    assert.equal(places.length, bits.length);
    for (const [i, at] of places.entries()) body.writeBigUInt64LE(bits[i] ?? 0n, at + 1);
    assert.equal((await send(running, body)).status, 204);
    const chunk = Buffer.from(running.intake.batches.at(-1)?.chunks[0] ?? []);
    for (const [i, pattern] of bits.entries()) {
      const value = Buffer.alloc(9, 0x09);
      value.writeBigUInt64LE(pattern, 1);
      const at = chunk.indexOf(value);
      assert.notEqual(at, -1, pattern.toString(16));
      const time = body.subarray((places[i] ?? 0) + 9, (places[i] ?? 0) + 17);
      assert.deepEqual(chunk.subarray(at + 9, at + 17), time);
    }
  }
});

test('PRW-W7: samples keep the order in which they came', async () => {
  await using running = await startReceiver();
  const samples = [3, 1, 2].map((timestamp) => ({ value: timestamp, timestamp }));
  const body = encode1([{ ...UP, samples }, UP, { ...UP, samples }]);
  assert.equal((await send1(running, body)).status, 204);
  assert.deepEqual(Buffer.from(running.intake.batches[0]?.chunks[0] ?? []), body);
});

test('PRW-R1: no content type is 1.0, and an unknown message or media type is 415', async () => {
  await using running = await startReceiver();
  const untyped = await fetch(running.url, {
    method: 'POST',
    body: new Blob([new Uint8Array(BLOCK)]),
    headers: SNAPPY,
  });
  assert.equal(untyped.status, 204);
  assert.equal(running.intake.requests[0]?.format, 'v1');
  for (const type of [
    'application/json',
    'text/plain',
    'application/x-protobuf;proto=io.prometheus.write.v3.Request',
    'application/x-protobuf;proto=',
    'application/x-protobuf;proto=constructor',
  ]) {
    const answer = await post(running, BLOCK, { 'content-type': type, ...SNAPPY });
    assert.equal(answer.status, 415, type);
    assert.match(answer.text, /content-type must be/);
  }
  assert.equal(running.intake.requests.length, 1);
});

test('PRW-R3: what cannot be decoded is 400 with a reason, and never 5xx', async () => {
  await using running = await startReceiver();
  const f = async (body: Buffer, type: string, compressed = false) => {
    const sent = compressed ? body : Buffer.from(snappyBlock(body));
    const answer = await post(running, sent, { 'content-type': type, ...SNAPPY });
    assert.equal(answer.status, 400);
    assert.notEqual(answer.text, '');
    if (type === V2) assert.deepEqual(answer.written, [0, 0, 0]);
  };
  for (const type of [V1, V2]) {
    await f(Buffer.from('garbage that is no snappy block'), type, true);
    await f(BLOCK.subarray(0, BLOCK.length - 3), type, true);
    await f(Buffer.from('garbage that is no protobuf'), type);
    await f((type === V1 ? encode1([UP]) : encode2([UP])).subarray(0, -1), type);
  }
  assert.equal(running.intake.batches.length, 0);
  assert.equal(running.intake.held, 0);
});

test('PRW-R12: a body is bounded on the wire (413) and by the length it claims (400)', async () => {
  await using running = await startReceiver({
    max_request_body_size: 1000,
    max_decoded_size: 4000,
  });
  const sizes: number[] = [];
  running.intake.onResize = (bytes) => {
    sizes.push(bytes);
    return undefined;
  };
  const headers = { 'content-type': V2, ...SNAPPY };
  const large = await post(running, Buffer.alloc(1001, 1), headers);
  assert.equal(large.status, 413);
  const bomb = await post(running, Buffer.from(snappyBlock(Buffer.alloc(4001))), headers);
  assert.equal(bomb.status, 400);
  assert.match(bomb.text, /larger than 4000 bytes/);
  const liar = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(50)]);
  assert.equal((await post(running, liar, headers)).status, 400);
  assert.ok(sizes.every((bytes) => bytes <= 4000));
  assert.equal(running.intake.batches.length, 0);
});

test('a request whose head is no HTTP is refused and counted', async () => {
  await using running = await startReceiver();
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  socket.write('POST /api/v1/write HTTP/1.1\r\nhost x\r\n\r\n');
  let answer = '';
  for await (const data of socket) answer += String(data);
  assert.match(answer, /^HTTP\/1.1 400 /);
  const [refusal, ...more] = running.intake.refusals;
  assert.ok(refusal !== undefined && 'reason' in refusal && more.length === 0);
  assert.equal(refusal.reason, 'malformed_http');
});

test('symbols that stand for far more text than the request is long are refused', async () => {
  await using running = await startReceiver({ max_decoded_size: 20_000 });
  const labels = [['__name__', 'up'] as const, ['long', 'x'.repeat(5000)] as const];
  const series = Array.from({ length: 50 }, () => ({ ...UP, labels }));
  const answer = await send2(running, encode2(series));
  assert.equal(answer.status, 400);
  assert.match(answer.text, /once symbols are resolved/);
  assert.deepEqual(answer.written, [0, 0, 0]);
});

/** Every place of `wanted` in `bytes`. */
function indexesOf(bytes: Buffer, wanted: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1))
    places.push(at);
  return places;
}
