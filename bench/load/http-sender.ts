import { connect, type Socket } from 'node:net';

/** What one request came to: HTTP status, and seconds of the retry hint when there was one. */
export interface Answer {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
}

/** One connection with one request under way at a time. */
export interface Sender {
  /** Sends `body`, which must stay as it is until the answer is there. */
  send(body: Uint8Array): Promise<Answer>;
  close(): void;
}

/** How to reach the system under test. */
export interface Target {
  readonly port: number;
  readonly path: string;
  /** Content coding of the bodies; `identity` when none. */
  readonly encoding: string;
  /** Value of `X-Scope-OrgID`, when there is to be one. */
  readonly tenant?: string;
}

/**
 * HTTP/1.1 on a bare socket: the generator shares its machine with what it measures, so it costs
 * as little as it can. Understands only the answers that gateways give: a status and a length.
 */
export async function httpSender(target: Target): Promise<Sender> {
  let socket = await open(target.port);
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  let received = '';

  function listen(): void {
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1');
      const answer = parseAnswer(received);
      if (answer === undefined) return;
      received = '';
      const current = waiting;
      waiting = undefined;
      current?.resolve(answer);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const current = waiting;
      waiting = undefined;
      current?.reject(new Error('connection closed'));
    });
  }
  listen();

  return {
    async send(body) {
      if (socket.destroyed) {
        socket = await open(target.port);
        received = '';
        listen();
      }
      const answer = new Promise<Answer>((resolve, reject) => {
        waiting = { resolve, reject };
      });
      socket.cork();
      socket.write(headOf(target, body.length));
      socket.write(body);
      socket.uncork();
      return answer;
    },
    close: () => socket.destroy(),
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function headOf(target: Target, length: number): string {
  const encoding = target.encoding === 'identity' ? '' : `Content-Encoding: ${target.encoding}\r\n`;
  const tenant = target.tenant === undefined ? '' : `X-Scope-OrgID: ${target.tenant}\r\n`;
  return (
    `POST ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n` +
    `User-Agent: millrace-bench\r\nContent-Type: application/x-protobuf\r\n${encoding}${tenant}` +
    `Content-Length: ${length}\r\n\r\n`
  );
}

function parseAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end).toLowerCase();
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  if (text.length < end + 4 + length) return undefined;
  if (head.includes('transfer-encoding: chunked') && !text.endsWith('0\r\n\r\n')) return undefined;
  const hint = /\r\nretry-after: *(\d+)/.exec(head)?.[1];
  return {
    status: Number(head.slice(9, 12)),
    retryAfterSeconds: hint === undefined ? undefined : Number(hint),
  };
}
