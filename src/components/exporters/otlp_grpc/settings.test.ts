import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from './index.ts';
import { parseEndpoint } from './settings.ts';

function problems(section: object): readonly string[] {
  const issues = definition.schema.safeParse(section).error?.issues ?? [];
  return issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

test('an endpoint is a host and port, a URL, a name to resolve or a unix socket', () => {
  const f = (endpoint: string, expected: object | undefined) =>
    assert.deepEqual(parseEndpoint(endpoint), expected, endpoint);
  f('otel:4317', { host: 'otel', port: 4317 });
  f('127.0.0.1:1', { host: '127.0.0.1', port: 1 });
  f('[::1]:4317', { host: '::1', port: 4317 });
  f('http://otel:4317', { host: 'otel', port: 4317, secure: false });
  f('https://otel.example', { host: 'otel.example', port: 443, secure: true });
  f('https://otel.example:4317/', { host: 'otel.example', port: 4317, secure: true });
  f('dns:///otel:4317', { host: 'otel', port: 4317 });
  f('unix:///run/otlp.sock', { host: 'localhost', port: 0, path: '/run/otlp.sock' });
  f('unix:/run/otlp.sock', { host: 'localhost', port: 0, path: '/run/otlp.sock' });
  f('otel', undefined);
  f('', undefined);
  f(':4317', undefined);
  f('otel:0', undefined);
  f('otel:70000', undefined);
  f('ftp://otel:21', undefined);
  f('https://otel/path', undefined);
  f('user@otel:4317', undefined);
});

test('a section of the Collector is taken as it is, with its defaults', () => {
  const section = {
    endpoint: 'otel:4317',
    tls: { insecure: true },
    compression: 'snappy',
    headers: { 'X-Team': 'a' },
    keepalive: { time: '20s', timeout: '5s', permit_without_stream: true },
    read_buffer_size: 32_768,
    write_buffer_size: 524_288,
    wait_for_ready: true,
    balancer_name: 'round_robin',
    authority: 'otel.example',
  };
  assert.deepEqual(problems(section), []);
  const bare = definition.schema.parse({ endpoint: 'otel:4317' });
  assert.equal(bare.compression, 'gzip');
  assert.equal(bare.tls.insecure, false);
  assert.equal(bare.keepalive, undefined);
  assert.deepEqual(definition.schema.parse({ ...section, keepalive: {} }).keepalive, {
    time: 10_000,
    timeout: 10_000,
    permit_without_stream: false,
  });
});

test('what cannot work is refused before the start, and says what to write', () => {
  const endpoint = 'otel:4317';
  for (const [section, problem] of [
    [{}, /^endpoint: is missing; write endpoint: host:4317/],
    [{ endpoint: 'otel' }, /^endpoint: "otel" is no address; write host:4317/],
    [{ endpoint, headers: { 'grpc-timeout': '1' } }, /grpc-timeout is set by the exporter itself/],
    [{ endpoint, headers: { 'X-Ä': '1' } }, /is not a metadata key/],
    [{ endpoint, headers: { a: 'ä' } }, /a has a value that is not printable ASCII/],
    [{ endpoint, headers: { 'a-bin': '?' } }, /a-bin must have a base64 value/],
    [{ endpoint, tenant_header: 'a', headers: { A: 'x' } }, /^tenant_header: a is set in headers/],
    [{ endpoint, compression: 'lz4' }, /^compression: /],
    [{ endpoint, auth: { authenticator: 'x' } }, /^auth: is not supported; put the credentials/],
    [{ endpoint, keepalive: { time: '10ms' } }, /^keepalive\.time: must be at least 1000ms/],
    [{ endpoint, tls: { cert_file: 'x' } }, /^tls\.cert_file: needs key_file or key_pem/],
  ] as const) {
    assert.match(problems(section).join('\n'), problem);
  }
});
