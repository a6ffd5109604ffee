import { connect } from 'node:net';
import type { Bodies, Body, Dice } from './chaos.ts';
import { VALID } from './chaos.ts';

/** How one attack went. */
export interface Attack {
  readonly name: string;
  /** Everything that came back, as latin1. */
  readonly answer: string;
}

interface Script {
  readonly name: string;
  readonly parts: readonly Buffer[];
  /** Between the parts. */
  readonly everyMs?: number;
  /** What to do behind the last part: wait for the answer, close our half, or vanish. */
  readonly ending: 'wait' | 'end' | 'destroy';
}

const PATIENCE_MS = 1500;

/** One wrong HTTP request on a connection of its own. Resolves when it is over. */
export function attackHttp(port: number, dice: Dice, bodies: Bodies): Promise<Attack> {
  return play(port, scriptOf(dice, bodies));
}

function scriptOf(dice: Dice, bodies: Bodies): Script {
  switch (dice.whole(6)) {
    case 0:
      return lyingLength(dice);
    case 1:
      return strangeHead(dice);
    case 2:
      return chunked(dice);
    case 3:
      return slowOrGone(dice);
    default: {
      const body = bodies.next();
      return {
        name: body.name,
        parts: [head(body), body.bytes],
        ending: dice.pick(['wait', 'end']),
      };
    }
  }
}

function head(body: Body, more = `Content-Length: ${body.bytes.length}\r\n`): Buffer {
  const coding = body.encoding === undefined ? '' : `Content-Encoding: ${body.encoding}\r\n`;
  return Buffer.from(
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${body.type}\r\n${coding}${more}\r\n`,
  );
}

const PLAIN: Body = { name: 'valid', bytes: VALID, type: 'application/x-protobuf' };

function lyingLength(dice: Dice): Script {
  const says = dice.pick([
    String(VALID.length + 1 + dice.whole(1e6)),
    String(dice.whole(VALID.length)),
    '1000000000000',
    '9223372036854775808',
    '99999999999999999999999999',
    '-1',
    'abc',
    '1e3',
    '0x10',
    '',
    `${VALID.length}\r\nContent-Length: 5`,
    `${VALID.length}\r\nTransfer-Encoding: chunked`,
  ]);
  const parts = [head(PLAIN, `Content-Length: ${says}\r\n`), VALID];
  return { name: `length ${says}`, parts, ending: dice.pick(['wait', 'end', 'destroy']) };
}

function strangeHead(dice: Dice): Script {
  const lines = dice.pick([
    'GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n',
    'BREW /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    'POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc',
    'POST http://x:1/v1/traces?a=%ff HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(5000)}\r\n`,
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`,
    `POST /${'v'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    'POST /v1/traces HTTP/9.9\r\n\r\n',
    'POST /v1/traces HTTP/1.1\r\n\r\n',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\n A: folded\r\n\r\n',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, not at all',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\r\n\r\n\r\n\r\n',
    dice.bytes(4000).toString('latin1'),
  ]);
  const name = `head ${JSON.stringify(lines.slice(0, 40))}`;
  return { name, parts: [Buffer.from(lines, 'latin1')], ending: dice.pick(['wait', 'end']) };
}

function chunked(dice: Dice): Script {
  const size = VALID.length.toString(16);
  const parts = dice.pick<readonly (Buffer | string)[]>([
    [`${size}\r\n`, VALID, '\r\n0\r\n\r\n'],
    [`${size}\r\n`, VALID, 'XX0\r\n\r\n'],
    ['fffffffffffffff\r\n', VALID],
    ['-5\r\nhello\r\n0\r\n\r\n'],
    ['zz\r\nhello\r\n0\r\n\r\n'],
    [`${size};ext=${'x'.repeat(40_000)}\r\n`, VALID],
    ['4000000\r\n', Buffer.alloc(2 << 20)],
    [...Array.from({ length: 200 }, () => '1\r\na\r\n'), '0\r\n\r\n'],
    [`${size}\r\n`, VALID, `\r\n0\r\n${'T: x\r\n'.repeat(8000)}\r\n`],
  ]);
  const buffers = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
  const start = head(PLAIN, 'Transfer-Encoding: chunked\r\n');
  return {
    name: 'chunked',
    parts: [start, ...buffers],
    ending: dice.pick(['wait', 'end', 'destroy']),
  };
}

function slowOrGone(dice: Dice): Script {
  const whole = Buffer.concat([head(PLAIN), VALID]);
  const cut = dice.whole(whole.length);
  const parts: Buffer[] = [];
  const step = Math.ceil(cut / (1 + dice.whole(8))) + 1;
  for (let at = 0; at < cut; at += step) parts.push(whole.subarray(at, Math.min(cut, at + step)));
  const ending = dice.pick(['wait', 'end', 'destroy'] as const);
  return { name: `cut at ${cut}, ${ending}`, parts, everyMs: dice.pick([0, 5, 50]), ending };
}

function play(port: number, script: Script): Promise<Attack> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const over = (): void => {
      clearTimeout(patience);
      socket.destroy();
      resolve({ name: script.name, answer });
    };
    const patience = setTimeout(over, script.ending === 'wait' ? 300 : PATIENCE_MS);
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      if (script.ending === 'wait' && answer.includes('\r\n\r\n')) over();
    });
    socket.on('end', over);
    socket.on('error', over);
    socket.on('close', over);
    socket.on('connect', () => void write());
    async function write(): Promise<void> {
      for (const part of script.parts) {
        if (socket.destroyed) return;
        socket.write(part);
        if (script.everyMs !== undefined) {
          await new Promise((go) => setTimeout(go, script.everyMs));
        }
      }
      if (script.ending === 'end') socket.end();
      if (script.ending === 'destroy') over();
    }
  });
}
