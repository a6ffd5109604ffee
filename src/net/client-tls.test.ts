import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createAuthority, createCertificate } from '../../test/ends/certificates.ts';
import { ClientTls, clientTlsSettings } from './client-tls.ts';
import { HttpClient } from './http-client.ts';

const authority = createAuthority();
const signal = new AbortController().signal;

async function serve(t: TestContext, options: https.ServerOptions = {}): Promise<string> {
  const server = https.createServer(
    { ...createCertificate(authority), ...options },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const peer = socket.getPeerCertificate().subject?.CN ?? 'nobody';
      response.end(`${String(peer)} ${socket.getProtocol()} ${socket.getCipher().standardName}`);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `https://127.0.0.1:${address.port}/`;
}

/** What the server said, or the message of the failure. */
async function ask(t: TestContext, url: string, section: object | ClientTls): Promise<string> {
  const tls =
    section instanceof ClientTls ? section : new ClientTls(clientTlsSettings.parse(section));
  const client = new HttpClient({ tls, keepAlive: false });
  t.after(() => client.close());
  const reply = await client.post(client.endpoint(url, {}), { chunks: [], byteLength: 0 }, signal);
  if (!('kind' in reply)) return Buffer.from(reply.body).toString();
  assert.equal(reply.kind, 'retry');
  return 'message' in reply ? reply.message : '';
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('a server of a trusted authority is spoken to, another one is not', async (t) => {
  const url = await serve(t);
  assert.match(await ask(t, url, { ca_pem: authority.cert }), /^nobody TLSv1\.3/);
  assert.match(await ask(t, url, {}), /is tls\.ca_file or tls\.server_name_override meant\?/);
  assert.match(await ask(t, url, { ca_pem: createAuthority().cert }), /cannot connect/);
});

test('the certificate must name the host, or what server_name_override says', async (t) => {
  const url = await serve(t, createCertificate(authority, 'gateway.example'));
  const ca_pem = authority.cert;
  const named = { ca_pem, server_name_override: 'gateway.example' };
  assert.match(await ask(t, url, named), /^nobody/);
  const misnamed = { ca_pem, server_name_override: 'elsewhere.example' };
  assert.match(await ask(t, url, misnamed), /cannot connect/);
});

test('insecure_skip_verify takes any certificate', async (t) => {
  assert.match(await ask(t, await serve(t), { insecure_skip_verify: true }), /^nobody/);
});

test('a client certificate is shown', async (t) => {
  const url = await serve(t, { ca: authority.cert, requestCert: true, rejectUnauthorized: true });
  const { cert, key } = createCertificate(authority, 'client-1');
  const section = { ca_pem: authority.cert, cert_pem: cert, key_pem: key };
  assert.match(await ask(t, url, section), /^client-1 /);
});

test('versions and cipher suites are those of the section', async (t) => {
  const url = await serve(t);
  const ca_pem = authority.cert;
  const cipher_suites = ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'];
  assert.match(
    await ask(t, url, { ca_pem, max_version: '1.2', cipher_suites }),
    /TLSv1\.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384/,
  );
  const old = await serve(t, { maxVersion: 'TLSv1.2' });
  assert.match(await ask(t, old, { ca_pem, min_version: '1.3' }), /cannot connect/);
});

test('changed files count for new connections once reload_interval has passed', async (t) => {
  const at = folder(t);
  const [ca_file, cert_file, key_file] = ['ca', 'cert', 'key'].map((name) => join(at, name));
  assert.ok(ca_file && cert_file && key_file);
  const write = (name: string) => {
    const { cert, key } = createCertificate(authority, name);
    writeFileSync(ca_file, authority.cert);
    writeFileSync(cert_file, cert);
    writeFileSync(key_file, key);
    utimesSync(cert_file, new Date(), new Date(Date.now() + name.length * 1000));
  };
  const url = await serve(t, { ca: authority.cert, requestCert: true });
  const files = { ca_file, cert_file, key_file };
  write('old');
  const eager = new ClientTls(clientTlsSettings.parse({ ...files, reload_interval: '1ns' }));
  const lazy = new ClientTls(clientTlsSettings.parse(files));
  assert.match(await ask(t, url, eager), /^old /);
  assert.match(await ask(t, url, lazy), /^old /);
  write('newer');
  assert.match(await ask(t, url, eager), /^newer /);
  assert.match(await ask(t, url, lazy), /^old /);
  writeFileSync(cert_file, 'half a certif');
  assert.match(await ask(t, url, eager), /^newer /, 'a broken file leaves the last good one');
});

test('a file that is not there is named before anything is sent', () => {
  const settings = clientTlsSettings.parse({ ca_file: '/nowhere/ca.pem' });
  assert.throws(() => new ClientTls(settings), /cannot read \/nowhere\/ca\.pem/);
});

test('a section that contradicts itself is refused with its keys', () => {
  const problems = (section: object) =>
    clientTlsSettings
      .safeParse(section)
      .error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  assert.equal(problems({}), undefined);
  assert.deepEqual(problems({ cert_file: 'a' }), ['cert_file needs key_file or key_pem']);
  assert.deepEqual(problems({ key_pem: 'a' }), ['key_file needs cert_file or cert_pem']);
  assert.deepEqual(problems({ ca_file: 'a', ca_pem: 'b' }), [
    'ca_pem ca_file and ca_pem exclude each other; keep one',
  ]);
  assert.deepEqual(problems({ max_version: '1.1' }), [
    'max_version must not be below min_version 1.2',
  ]);
  assert.equal(problems({ cipher_suites: ['RC4'] })?.length, 1);
});

test('a handshake that is given up leaves no connection open', async (t) => {
  const closed = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).on('close', () => closed.resolve());
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const client = new HttpClient({ tls: new ClientTls(clientTlsSettings.parse({})) });
  const endpoint = client.endpoint(`https://127.0.0.1:${port}/`, {});
  const sent = client.post(endpoint, { chunks: [], byteLength: 0 }, AbortSignal.timeout(50));
  await assert.rejects(sent, { name: 'TimeoutError' });
  await closed.promise;
});
