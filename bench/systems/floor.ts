/**
 * The floor: a bare Node server that reads a body and posts it on. Nothing that does more on the
 * stock library can cost less. Arguments: port to listen on, port to post to.
 */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [listen, forward] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${forward}`, { connections: 64 });

const server = createServer((request, response) => {
  const body = Buffer.allocUnsafeSlow(Number(request.headers['content-length']));
  let filled = 0;
  request.on('data', (part: Buffer) => {
    body.set(part, filled);
    filled += part.length;
  });
  request.on('end', () => {
    const headers: Record<string, string> = { 'content-type': 'application/x-protobuf' };
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined) headers['content-encoding'] = encoding;
    pool
      .request({ path: request.url ?? '/', method: 'POST', headers, body })
      .then(async (answer) => {
        await answer.body.dump();
        response.writeHead(answer.statusCode, { 'content-length': 0 });
        response.end();
      })
      .catch(() => {
        response.writeHead(503, { 'content-length': 0 });
        response.end();
      });
  });
});
server.listen(listen, '127.0.0.1');
