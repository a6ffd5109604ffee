import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpReply } from '../http.ts';
import type { RequestHead } from './head.ts';

/** Invites a client that asked first to send its body. */
export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** Writes an answer as one or two pieces that leave together. */
export function writeReply(
  socket: Socket,
  reply: HttpReply,
  of: { readonly close: boolean; readonly head: RequestHead | undefined },
): void {
  const { status, headers, body } = reply;
  const length = body?.length ?? 0;
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  if (headers !== undefined) {
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  }
  if (status !== 204) head += `content-length: ${length}\r\n`;
  if (of.close) head += 'connection: close\r\n';
  else if (of.head?.http10 === true) head += 'connection: keep-alive\r\n';
  head += `date: ${httpDate()}\r\n\r\n`;
  if (body === undefined || length === 0 || of.head?.method === 'HEAD') {
    socket.write(head, 'latin1');
    return;
  }
  socket.cork();
  socket.write(head, 'latin1');
  socket.write(body);
  socket.uncork();
}

let dateText = '';
let dateSecond = 0;

/** The date header, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date().toUTCString();
  }
  return dateText;
}
