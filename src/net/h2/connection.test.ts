import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo, frame, HEAD, headers, RawClient, SETTINGS, setting, u32 } from './fixture.test.ts';
import { encodeHeaders } from './hpack/encoder.ts';
import { ERROR, FLAG, FRAME, PREFACE, SETTING } from './protocol.ts';

/** What the server must do: end the connection, reset a stream, answer it, or just go on. */
type Expected =
  | { readonly goaway: number }
  | { readonly reset: number; readonly on?: number }
  | { readonly answer: number };

type Case = readonly [name: string, expected: Expected, ...frames: Buffer[]];

const goaway = (code: number): Expected => ({ goaway: code });
const reset = (code: number, on = 1): Expected => ({ reset: code, on });
const answered = (id: number): Expected => ({ answer: id });
const data = (id: number, payload: Uint8Array | string, flags: number = FLAG.endStream) =>
  frame(FRAME.data, flags, id, payload);
const open = headers(1, HEAD, true);
const withFields = (...fields: [string, string][]) =>
  encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', '/'], ...fields]);
const half = HEAD.subarray(0, 2);
const rest = HEAD.subarray(2);
const startBlock = frame(FRAME.headers, FLAG.endStream, 1, half);
const endBlock = (id = 1) => frame(FRAME.continuation, FLAG.endHeaders, id, rest);

/** RFC 9113, sections 4 to 6 and 8, and RFC 7541, case by case. */
const CASES: readonly Case[] = [
  ['4.1: a frame of an unknown type is ignored', answered(1), frame(99, 255, 0, 'x'), headers(1)],
  [
    '4.1: an unknown frame on a stream is ignored',
    answered(1),
    open,
    frame(99, 0, 1, 'x'),
    data(1, ''),
  ],
  [
    '4.1: unknown flags are ignored',
    answered(1),
    frame(FRAME.ping, 0xfe & ~1, 0, 'abcdefgh'),
    headers(1),
  ],
  ['4.1: the reserved bit is ignored', answered(1), headers(1 + 2 ** 31)],
  ['4.2: DATA over the frame size', goaway(ERROR.frameSize), open, data(1, Buffer.alloc(16_385))],
  ['4.2: HEADERS over the frame size', goaway(ERROR.frameSize), headers(1, Buffer.alloc(16_385))],
  ['4.2: DATA as large as a frame can be', answered(1), open, data(1, Buffer.alloc(16_384))],
  ['4.3: a block that is no HPACK', goaway(ERROR.compression), headers(1, Buffer.from([0xff]))],
  ['4.3: another frame inside a header block', goaway(ERROR.protocol), startBlock, data(1, '')],
  ['4.3: another stream inside a header block', goaway(ERROR.protocol), startBlock, headers(3)],
  [
    '4.3: an unknown frame inside a header block',
    goaway(ERROR.protocol),
    startBlock,
    frame(99, 0, 1),
  ],
  ['5.1: DATA on an idle stream', goaway(ERROR.protocol), data(1, '')],
  ['5.1: RST_STREAM on an idle stream', goaway(ERROR.protocol), frame(FRAME.reset, 0, 1, u32(8))],
  [
    '5.1: WINDOW_UPDATE on an idle stream',
    goaway(ERROR.protocol),
    frame(FRAME.windowUpdate, 0, 1, u32(1)),
  ],
  ['5.1: CONTINUATION on an idle stream', goaway(ERROR.protocol), endBlock()],
  [
    '5.1: PRIORITY on an idle stream',
    answered(1),
    frame(FRAME.priority, 0, 3, Buffer.alloc(5)),
    headers(1),
  ],
  [
    '5.1: DATA after RST_STREAM',
    reset(ERROR.streamClosed),
    open,
    frame(FRAME.reset, 0, 1, u32(8)),
    data(1, 'x'),
  ],
  [
    '5.1: HEADERS after RST_STREAM',
    goaway(ERROR.streamClosed),
    open,
    frame(FRAME.reset, 0, 1, u32(8)),
    headers(1),
  ],
  [
    '5.1: WINDOW_UPDATE after RST_STREAM',
    answered(3),
    open,
    frame(FRAME.reset, 0, 1, u32(8)),
    frame(FRAME.windowUpdate, 0, 1, u32(1)),
    headers(3),
  ],
  ['5.1: DATA on a closed stream', reset(ERROR.streamClosed), headers(1), data(1, 'x')],
  ['5.1: HEADERS on a closed stream', goaway(ERROR.streamClosed), headers(1), headers(1)],
  ['5.1.1: an even stream', goaway(ERROR.protocol), headers(2)],
  ['5.1.1: a stream below the last', goaway(ERROR.protocol), headers(5), headers(3)],
  [
    '5.4: what comes after RST_STREAM of ours is ignored',
    answered(3),
    headers(1, withFields(['te', 'x']), true),
    data(1, 'x'),
    headers(3),
  ],
  [
    '5.5: extension frames before requests',
    answered(1),
    frame(0x16, 0, 0, 'x'.repeat(100)),
    headers(1),
  ],
  ['6.1: DATA without a stream', goaway(ERROR.protocol), open, data(0, 'x')],
  [
    '6.1: DATA with padding',
    answered(1),
    open,
    data(1, '\x03abc\0\0\0', FLAG.padded | FLAG.endStream),
  ],
  [
    '6.1: DATA of nothing but padding',
    answered(1),
    open,
    data(1, '\x02\0\0', FLAG.padded | FLAG.endStream),
  ],
  [
    '6.1: padding as long as the frame',
    goaway(ERROR.protocol),
    open,
    data(1, '\x04abc', FLAG.padded),
  ],
  [
    '6.1: padded without a length of padding',
    goaway(ERROR.protocol),
    open,
    data(1, '', FLAG.padded),
  ],
  ['6.2: HEADERS without a stream', goaway(ERROR.protocol), headers(0)],
  [
    '6.2: HEADERS with padding',
    answered(1),
    frame(
      FRAME.headers,
      FLAG.padded | 5,
      1,
      Buffer.concat([Buffer.from([2]), HEAD, Buffer.alloc(2)]),
    ),
  ],
  [
    '6.2: HEADERS with priority',
    answered(1),
    frame(FRAME.headers, FLAG.priority | 5, 1, Buffer.concat([Buffer.alloc(5), HEAD])),
  ],
  [
    '6.2: padding longer than the block',
    goaway(ERROR.protocol),
    frame(FRAME.headers, FLAG.padded | 5, 1, Buffer.concat([Buffer.from([200]), HEAD])),
  ],
  [
    '6.2: padded HEADERS of nothing',
    goaway(ERROR.protocol),
    frame(FRAME.headers, FLAG.padded | 5, 1),
  ],
  [
    '6.3: PRIORITY without a stream',
    goaway(ERROR.protocol),
    frame(FRAME.priority, 0, 0, Buffer.alloc(5)),
  ],
  [
    '6.3: PRIORITY of another length',
    reset(ERROR.frameSize),
    open,
    frame(FRAME.priority, 0, 1, Buffer.alloc(4)),
  ],
  ['6.4: RST_STREAM without a stream', goaway(ERROR.protocol), frame(FRAME.reset, 0, 0, u32(8))],
  [
    '6.4: RST_STREAM of another length',
    goaway(ERROR.frameSize),
    open,
    frame(FRAME.reset, 0, 1, 'abc'),
  ],
  [
    '6.4: RST_STREAM costs its stream only',
    answered(3),
    open,
    frame(FRAME.reset, 0, 1, u32(8)),
    headers(3),
  ],
  ['6.5: SETTINGS on a stream', goaway(ERROR.protocol), frame(FRAME.settings, 0, 1)],
  [
    '6.5: an acknowledgement with settings',
    goaway(ERROR.frameSize),
    frame(FRAME.settings, FLAG.ack, 0, setting(1, 1)),
  ],
  [
    '6.5: an acknowledgement nobody waits for',
    answered(1),
    frame(FRAME.settings, FLAG.ack, 0),
    headers(1),
  ],
  ['6.5: SETTINGS that are cut', goaway(ERROR.frameSize), frame(FRAME.settings, 0, 0, 'abc')],
  [
    '6.5.2: ENABLE_PUSH of 2',
    goaway(ERROR.protocol),
    frame(FRAME.settings, 0, 0, setting(SETTING.enablePush, 2)),
  ],
  [
    '6.5.2: a window over the maximum',
    goaway(ERROR.flowControl),
    frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 2 ** 31)),
  ],
  [
    '6.5.2: a frame size below the least',
    goaway(ERROR.protocol),
    frame(FRAME.settings, 0, 0, setting(SETTING.maxFrameSize, 16_383)),
  ],
  [
    '6.5.2: a frame size over the maximum',
    goaway(ERROR.protocol),
    frame(FRAME.settings, 0, 0, setting(SETTING.maxFrameSize, 2 ** 24)),
  ],
  [
    '6.5.2: an unknown setting is ignored',
    answered(1),
    frame(FRAME.settings, 0, 0, setting(99, 99)),
    headers(1),
  ],
  [
    '6.6: a client that pushes',
    goaway(ERROR.protocol),
    open,
    frame(FRAME.pushPromise, 4, 1, Buffer.concat([u32(2), HEAD])),
  ],
  ['6.7: PING on a stream', goaway(ERROR.protocol), open, frame(FRAME.ping, 0, 1, 'abcdefgh')],
  ['6.7: PING of another length', goaway(ERROR.frameSize), frame(FRAME.ping, 0, 0, 'abc')],
  [
    '6.7: an answer to no PING is ignored',
    answered(1),
    frame(FRAME.ping, FLAG.ack, 0, 'abcdefgh'),
    headers(1),
  ],
  [
    '6.8: GOAWAY on a stream',
    goaway(ERROR.protocol),
    open,
    frame(FRAME.goaway, 0, 1, Buffer.alloc(8)),
  ],
  ['6.8: GOAWAY that is cut', goaway(ERROR.frameSize), frame(FRAME.goaway, 0, 0, Buffer.alloc(7))],
  [
    '6.9: WINDOW_UPDATE of another length',
    goaway(ERROR.frameSize),
    frame(FRAME.windowUpdate, 0, 0, 'abc'),
  ],
  [
    '6.9: no more window for the connection',
    goaway(ERROR.protocol),
    frame(FRAME.windowUpdate, 0, 0, u32(0)),
  ],
  [
    '6.9: no more window for a stream',
    reset(ERROR.protocol),
    open,
    frame(FRAME.windowUpdate, 0, 1, u32(0)),
  ],
  [
    '6.9.1: too much window for the connection',
    goaway(ERROR.flowControl),
    frame(FRAME.windowUpdate, 0, 0, u32(2 ** 31 - 1)),
  ],
  [
    '6.9.1: too much window for a stream',
    reset(ERROR.flowControl),
    open,
    frame(FRAME.windowUpdate, 0, 1, u32(2 ** 31 - 1)),
  ],
  [
    '6.9.2: a setting that makes a window too large',
    goaway(ERROR.flowControl),
    open,
    frame(FRAME.windowUpdate, 0, 1, u32(2 ** 30)),
    frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 2 ** 31 - 1)),
  ],
  ['6.10: CONTINUATION after a whole block', goaway(ERROR.protocol), open, endBlock()],
  ['6.10: CONTINUATION without a stream', goaway(ERROR.protocol), startBlock, endBlock(0)],
  ['6.10: CONTINUATION of another stream', goaway(ERROR.protocol), startBlock, endBlock(3)],
  [
    '6.10: a block in three frames',
    answered(1),
    startBlock,
    frame(FRAME.continuation, 0, 1),
    endBlock(),
  ],
  ['8.1: trailers', answered(1), open, data(1, 'x', 0), headers(1, encodeHeaders([['x', 'y']]))],
  [
    '8.1: trailers that do not end the stream',
    reset(ERROR.protocol),
    open,
    headers(1, encodeHeaders([['x', 'y']]), true),
  ],
  ['8.1: a pseudo header in trailers', reset(ERROR.protocol), open, headers(1, HEAD)],
  [
    '8.1.1: a body shorter than announced',
    reset(ERROR.protocol),
    headers(1, withFields(['content-length', '3']), true),
    data(1, 'ab'),
  ],
  [
    '8.1.1: a body longer than announced',
    reset(ERROR.protocol),
    headers(1, withFields(['content-length', '3']), true),
    data(1, 'abcd'),
  ],
  [
    '8.1.1: a body announced and not there',
    reset(ERROR.protocol),
    headers(1, withFields(['content-length', '3'])),
  ],
  [
    '8.1.1: two lengths',
    reset(ERROR.protocol),
    headers(1, withFields(['content-length', '0'], ['content-length', '0'])),
  ],
  ['8.2.1: an upper case name', reset(ERROR.protocol), headers(1, withFields(['X-A', 'y']))],
  ['8.2.1: a line end in a value', reset(ERROR.protocol), headers(1, withFields(['x', 'a\r\nb']))],
  ['8.2.1: a space before a value', reset(ERROR.protocol), headers(1, withFields(['x', ' a']))],
  ['8.2.1: a name of nothing', reset(ERROR.protocol), headers(1, withFields(['', 'a']))],
  ['8.2.2: connection', reset(ERROR.protocol), headers(1, withFields(['connection', 'close']))],
  [
    '8.2.2: transfer-encoding',
    reset(ERROR.protocol),
    headers(1, withFields(['transfer-encoding', 'chunked'])),
  ],
  ['8.2.2: te other than trailers', reset(ERROR.protocol), headers(1, withFields(['te', 'gzip']))],
  ['8.2.2: te trailers', answered(1), headers(1, withFields(['te', 'trailers']))],
  ['8.3: an unknown pseudo header', reset(ERROR.protocol), headers(1, withFields([':other', 'x']))],
  [
    '8.3: a pseudo header of answers',
    reset(ERROR.protocol),
    headers(1, withFields([':status', '200'])),
  ],
  [
    '8.3: a pseudo header after the others',
    reset(ERROR.protocol),
    headers(1, withFields(['x', 'y'], [':authority', 'a'])),
  ],
  ['8.3.1: a pseudo header twice', reset(ERROR.protocol), headers(1, withFields([':path', '/']))],
  [
    '8.3.1: no :path',
    reset(ERROR.protocol),
    headers(
      1,
      encodeHeaders([
        [':method', 'GET'],
        [':scheme', 'http'],
      ]),
    ),
  ],
  [
    '8.3.1: an empty :path',
    reset(ERROR.protocol),
    headers(
      1,
      encodeHeaders([
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', ''],
      ]),
    ),
  ],
  [
    '8.3.1: no :method',
    reset(ERROR.protocol),
    headers(
      1,
      encodeHeaders([
        [':scheme', 'http'],
        [':path', '/'],
      ]),
    ),
  ],
  [
    '8.3.1: no :scheme',
    reset(ERROR.protocol),
    headers(
      1,
      encodeHeaders([
        [':method', 'GET'],
        [':path', '/'],
      ]),
    ),
  ],
  [
    '7541 2.3.3: an index beyond the tables',
    goaway(ERROR.compression),
    headers(1, Buffer.from([0x80 | 70])),
  ],
  [
    '7541 4.2: a table larger than offered',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), HEAD])),
  ],
  [
    '7541 4.2: a smaller table',
    answered(1),
    headers(1, Buffer.concat([Buffer.from([0x20]), HEAD])),
  ],
  [
    '7541 4.2: a table size after a field',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.from([0x20])])),
  ],
  [
    '7541 5.1: an integer without end',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.alloc(20, 0xff)])),
  ],
  [
    '7541 5.2: a string that is cut',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.from([0, 5, 97])])),
  ],
  [
    '7541 5.2: padding that is not the end of a string',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.from([0, 0x81, 0x00, 0])])),
  ],
  [
    '7541 5.2: padding longer than seven bits',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.from([0, 0x82, 0x1f, 0xff, 0])])),
  ],
  [
    '7541 5.2: the end of a string in a string',
    goaway(ERROR.compression),
    headers(1, Buffer.concat([HEAD, Buffer.from([0, 0x84, 0xff, 0xff, 0xff, 0xff, 0])])),
  ],
  ['7541 6.1: the index 0', goaway(ERROR.compression), headers(1, Buffer.from([0x80]))],
];

async function check([name, expected, ...frames]: Case, port: number): Promise<void> {
  const client = new RawClient(port).open(...frames, frame(FRAME.ping, 0, 0, 'the end!'));
  const found = await client.find(({ type, flags, id }) => {
    if ('goaway' in expected) return type === FRAME.goaway;
    if ('reset' in expected) return type === FRAME.reset && id === expected.on;
    return id === expected.answer && (flags & FLAG.endStream) !== 0;
  });
  assert.ok(found, `${name}: the server closed without it`);
  const at = 'goaway' in expected ? 4 : 0;
  if (!('answer' in expected)) {
    const code = 'goaway' in expected ? expected.goaway : expected.reset;
    assert.equal(
      found.payload.readUInt32BE(at),
      code,
      `${name}: ${found.payload.toString('latin1')}`,
    );
  }
  if ('goaway' in expected) await client.find(() => false);
  else assert.ok(await client.find(({ type, flags }) => type === FRAME.ping && flags === 1), name);
  client.socket.destroy();
}

test(`${CASES.length} statements of RFC 9113 and RFC 7541 hold`, async () => {
  await using server = await echo();
  for (const one of CASES) await check(one, server.port);
  assert.deepEqual(server.bugs, []);
});

test('a request in single bytes is answered as one in one piece', async () => {
  await using server = await echo();
  const body = Buffer.concat([
    PREFACE,
    frame(FRAME.settings, 0, 0, setting(SETTING.maxFrameSize, 20_000)),
    frame(FRAME.headers, 0, 1, half),
    frame(FRAME.continuation, FLAG.endHeaders, 1, rest),
    data(1, '\x02abc\0\0', FLAG.padded),
    data(1, 'def'),
  ]);
  const client = new RawClient(server.port);
  for (const byte of body) {
    client.send(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  const answer = await client.find(({ type }) => type === FRAME.data);
  assert.equal(answer?.payload.toString(), 'abcdef');
  client.socket.destroy();
});

test('what is not the preface, or comes before SETTINGS, ends the connection', async () => {
  await using server = await echo();
  for (const bytes of [
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSMX\n\r\n'),
    Buffer.concat([PREFACE, headers(1)]),
    Buffer.concat([PREFACE, frame(FRAME.settings, FLAG.ack, 0)]),
  ]) {
    const client = new RawClient(server.port).send(bytes);
    const found = await client.find(({ type }) => type === FRAME.goaway);
    assert.equal(found?.payload.readUInt32BE(4), ERROR.protocol);
    await client.find(() => false);
  }
});

test('answers wait for the windows of stream and connection', async () => {
  await using server = await echo();
  const client = new RawClient(server.port).open(
    frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 3)),
    open,
    data(1, 'abcdefgh'),
  );
  const pieces = () =>
    client.frames
      .filter(({ type }) => type === FRAME.data)
      .map(({ payload }) => payload.toString());
  const until = (count: number) => client.find(() => pieces().length === count);
  await until(1);
  client.send(frame(FRAME.windowUpdate, 0, 1, u32(2)));
  await until(2);
  client.send(frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 4)));
  await until(3);
  client.send(frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 100)));
  await until(4);
  assert.deepEqual(pieces(), ['abc', 'de', 'f', 'gh']);

  const large = Buffer.alloc(16_000, 'x');
  for (let id = 3; id <= 11; id += 2) client.send(headers(id, HEAD, true), data(id, large));
  client.send(frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 20_000)));
  const bytes = () => pieces().join('').length;
  await client.find(() => bytes() === 65_535);
  client.send(frame(FRAME.windowUpdate, 0, 0, u32(100_000)));
  await client.find(() => bytes() === 8 + 5 * 16_000);
  client.socket.destroy();
});

test('windows are widened in big steps, and what nobody reads any more is not', async () => {
  await using server = await echo();
  const early = encodeHeaders([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/early'],
  ]);
  const client = new RawClient(server.port).open(
    frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 0)),
    headers(1, early, true),
    headers(3, HEAD, true),
  );
  const fill = (id: number, bytes: number) => {
    for (let sent = 0; sent < bytes; sent += 16_384) client.send(data(id, Buffer.alloc(16_384), 0));
  };
  fill(3, 600_000);
  const wider = await client.find(({ type, id }) => type === FRAME.windowUpdate && id === 3);
  assert.ok((wider?.payload.readUInt32BE() ?? 0) > 500_000);
  // The answer waits for a window: the stream is open, and its body is not wanted.
  fill(1, 1024 * 1024 + 16_384);
  const reset = await client.find(({ type }) => type === FRAME.reset);
  assert.deepEqual([reset?.id, reset?.payload.readUInt32BE()], [1, ERROR.flowControl]);
  fill(3, 16 * 1024 * 1024);
  const widened = () =>
    client.frames.filter(({ type, id }) => type === FRAME.windowUpdate && id === 0);
  await client.find(() => widened().length > 1);
  assert.ok((widened()[1]?.payload.readUInt32BE() ?? 0) >= 8 * 1024 * 1024);
  client.socket.destroy();
});

test('requests beyond the limit are refused and can be tried again', async () => {
  await using server = await echo({ maxConcurrentStreams: 2 }, true);
  const client = new RawClient(server.port).open(headers(1), headers(3), headers(5));
  const refused = await client.find(({ type }) => type === FRAME.reset);
  assert.equal(refused?.id, 5);
  assert.equal(refused.payload.readUInt32BE(), ERROR.refusedStream);
  server.release();
  assert.ok(await client.find(({ id, flags }) => id === 3 && (flags & FLAG.endStream) !== 0));
  client.socket.destroy();
});

test('a head over the limit is 431, and the connection goes on', async () => {
  await using server = await echo({ maxHeaderBytes: 500 });
  const indexed = Buffer.concat([
    Buffer.from([0x40, 1, 120, 0x7f, 0x81, 1]),
    Buffer.alloc(256, 'y'),
    HEAD,
    Buffer.from([0xbe]),
  ]);
  const client = new RawClient(server.port).open(headers(1, indexed));
  const answer = await client.find(({ id }) => id === 1);
  assert.equal(answer?.flags, FLAG.endStream | FLAG.endHeaders);
  // The field of the refused head is in the table: both ends still agree on it.
  client.send(headers(3, Buffer.concat([HEAD, Buffer.from([0xbe])])));
  await client.find(({ id }) => id === 3);
  const [head] = server.heads;
  assert.deepEqual(head?.values('x'), ['y'.repeat(256)]);
  client.socket.destroy();
});

test('floods are answered with ENHANCE_YOUR_CALM', async () => {
  await using server = await echo();
  const floods: Readonly<Record<string, Buffer[]>> = {
    ping: [frame(FRAME.ping, 0, 0, 'abcdefgh')],
    settings: [SETTINGS],
    'empty DATA': [open, data(1, '', 0)],
    'empty CONTINUATION': [startBlock, frame(FRAME.continuation, 0, 1)],
    'endless CONTINUATION': [startBlock, frame(FRAME.continuation, 0, 1, Buffer.alloc(5000))],
    unknown: [frame(99, 0, 0)],
    priority: [frame(FRAME.priority, 0, 1, Buffer.alloc(5))],
  };
  for (const [name, frames] of Object.entries(floods)) {
    const last = frames.at(-1) ?? SETTINGS;
    const client = new RawClient(server.port).open(...frames.slice(0, -1));
    client.send(...Array.from({ length: 3000 }, () => last));
    const found = await client.find(({ type }) => type === FRAME.goaway);
    assert.equal(found?.payload.readUInt32BE(4), ERROR.enhanceYourCalm, name);
  }
  const client = new RawClient(server.port).open();
  for (let id = 1; id < 4000; id += 2) {
    client.send(headers(id, HEAD, true), frame(FRAME.reset, 0, id, u32(8)));
  }
  const found = await client.find(({ type }) => type === FRAME.goaway);
  assert.equal(found?.payload.readUInt32BE(4), ERROR.enhanceYourCalm, 'rapid reset');
});

test('going away is said twice: requests on the wire are served, later ones refused', async () => {
  await using server = await echo({}, true);
  const client = new RawClient(server.port).open(headers(1));
  while (server.heads.length === 0) await new Promise(setImmediate);
  server.connections.drain();
  const first = await client.find(({ type }) => type === FRAME.goaway);
  assert.equal(first?.payload.readUInt32BE(0), 2 ** 31 - 1);
  const ping = await client.find(({ type, flags }) => type === FRAME.ping && flags === 0);
  client.send(headers(3), frame(FRAME.ping, FLAG.ack, 0, ping?.payload ?? ''), headers(5));
  const goaways = () => client.frames.filter(({ type }) => type === FRAME.goaway);
  await client.find(() => goaways().length === 2);
  assert.equal(goaways()[1]?.payload.readUInt32BE(0), 3);
  const refused = await client.find(({ type }) => type === FRAME.reset);
  assert.equal(refused?.id, 5);
  server.release();
  assert.ok(await client.find(({ id, flags }) => id === 3 && (flags & FLAG.endStream) !== 0));
  await client.find(() => false);
});

test('a client that sends no more still gets the answers it waits for', async () => {
  await using server = await echo({}, true);
  const client = new RawClient(server.port).open(headers(1), headers(3, HEAD, true));
  client.socket.end();
  while (server.heads.length < 2) await new Promise(setImmediate);
  server.release();
  assert.ok(await client.find(({ id, flags }) => id === 1 && (flags & FLAG.endStream) !== 0));
  await client.find(() => false);
});
