import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import type { Bodies, Dice } from './chaos.ts';
import { VALID } from './chaos.ts';
import type { Attack } from './chaos-http.ts';

const PATIENCE_MS = 300;
const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** One wrong gRPC call, or a wrong connection. Resolves when it is over. */
export function attackGrpc(port: number, dice: Dice, bodies: Bodies): Promise<Attack> {
  if (dice.whole(10) === 0) return rawBytes(port, dice);
  return call(port, dice, bodies);
}

function framed(bytes: Buffer, flag = 0, length = bytes.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([prefix, bytes]);
}

interface Call {
  readonly name: string;
  readonly data: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ending: 'end' | 'leave' | 'reset';
}

function callOf(dice: Dice, bodies: Bodies): Call {
  const ending = dice.pick(['end', 'end', 'end', 'leave', 'reset'] as const);
  switch (dice.whole(5)) {
    case 0: {
      const length = dice.pick([0, 1, VALID.length - 1, VALID.length + 1, 1 << 30, 0xffff_ffff]);
      return { name: `length ${length}`, data: framed(VALID, 0, length), ending };
    }
    case 1: {
      const flag = dice.pick([1, 2, 0x80, 255]);
      return { name: `flag ${flag}`, data: framed(VALID, flag), ending };
    }
    case 2: {
      const data = dice.pick([
        Buffer.alloc(0),
        Buffer.alloc(3),
        Buffer.concat([framed(VALID), framed(VALID)]),
        Buffer.concat([framed(VALID), Buffer.from('rest')]),
        dice.bytes(3000),
      ]);
      return { name: 'number of messages', data, ending };
    }
    case 3: {
      const headers = dice.pick<Record<string, string>>([
        { ':path': '/nothing' },
        { ':method': 'GET' },
        { 'content-type': 'text/plain' },
        { 'content-type': 'application/grpc+json' },
        { 'grpc-timeout': 'soon' },
        { 'grpc-timeout': '1n' },
        { 'grpc-encoding': 'unknown' },
        { 'x-filler': 'x'.repeat(60_000) },
        { 'x-broken-bin': '!!!!' },
        Object.fromEntries(Array.from({ length: 800 }, (_, index) => [`x-${index}`, 'y'])),
      ]);
      return { name: `headers ${Object.keys(headers)[0]}`, data: framed(VALID), headers, ending };
    }
    default: {
      const { name, bytes, encoding } = bodies.next();
      if (encoding === undefined) return { name, data: framed(bytes), ending };
      return { name, data: framed(bytes, 1), headers: { 'grpc-encoding': encoding }, ending };
    }
  }
}

async function call(port: number, dice: Dice, bodies: Bodies): Promise<Attack> {
  const { name, data, headers, ending } = callOf(dice, bodies);
  const session = connectHttp2(`http://127.0.0.1:${port}`, { maxSendHeaderBlockLength: 1 << 20 });
  const answer = await new Promise<string>((resolve) => {
    const seen: string[] = [];
    const over = (): void => {
      clearTimeout(patience);
      resolve(seen.join('\n'));
    };
    const patience = setTimeout(over, PATIENCE_MS * (ending === 'end' ? 10 : 1));
    session.on('error', over);
    session.on('close', over);
    const stream = openStream(session, headers ?? {});
    const note = (block: object): void => {
      for (const [key, value] of Object.entries(block)) seen.push(`${key}: ${String(value)}`);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('close', over);
    stream.write(data);
    if (ending === 'end') stream.end();
    if (ending === 'reset')
      setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), dice.whole(20));
  });
  session.destroy();
  return { name: `${name}, ${ending}`, answer };
}

function openStream(session: ClientHttp2Session, headers: Readonly<Record<string, string>>) {
  return session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function rawBytes(port: number, dice: Dice): Promise<Attack> {
  const settings = Buffer.from('000000040000000000', 'hex');
  const data = dice.pick([
    dice.bytes(2000),
    Buffer.concat([PREFACE, dice.bytes(2000)]),
    Buffer.concat([PREFACE, settings, dice.bytes(500)]),
    Buffer.concat([PREFACE, ...Array.from({ length: 2000 }, () => settings)]),
    Buffer.from('POST / HTTP/1.1\r\nHost: x\r\n\r\n'),
    PREFACE.subarray(0, 10),
  ]);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const over = (): void => {
      clearTimeout(patience);
      socket.destroy();
      resolve({ name: 'raw bytes', answer: '' });
    };
    const patience = setTimeout(over, PATIENCE_MS);
    socket.on('data', () => undefined);
    socket.on('error', over);
    socket.on('close', over);
    socket.on('connect', () => socket.write(data));
  });
}
