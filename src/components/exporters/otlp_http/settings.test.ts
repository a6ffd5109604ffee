import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from './index.ts';

function problems(section: object): readonly string[] {
  const issues = definition.schema.safeParse(section).error?.issues ?? [];
  return issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

test('a section of the Collector is taken as it is, with its defaults', () => {
  const section = {
    endpoint: 'https://otlp.example/otlp',
    tls: { insecure: false, ca_file: '/ca.pem', insecure_skip_verify: false },
    compression: 'zstd',
    compression_params: { level: 3 },
    headers: { Authorization: 'Bearer x' },
    read_buffer_size: 0,
    write_buffer_size: 524_288,
    force_attempt_http2: true,
    max_idle_conns: 50,
    idle_conn_timeout: '1m30s',
    proxy_url: 'http://proxy:3128',
  };
  assert.deepEqual(problems(section), []);
  const bare = definition.schema.parse({ endpoint: 'http://h:4318' });
  assert.equal(bare.compression, 'gzip');
  assert.equal(bare.encoding, 'proto');
  assert.equal(bare.idle_conn_timeout, 90_000);
});

test('what cannot work is refused before the start, and says what to write', () => {
  const endpoint = 'http://h:4318';
  for (const [section, problem] of [
    [{}, /^endpoint: is missing; write endpoint: http:\/\/host:4318/],
    [{ endpoint: 'h:4318' }, /^endpoint: "h:4318" is no URL; write http/],
    [{ endpoint: 'ftp://h' }, /^endpoint: "ftp:\/\/h" is no URL/],
    [{ endpoint: 'http://me:pw@h' }, /^endpoint: holds credentials; put them in headers/],
    [{ endpoint, headers: { 'a b': '1' } }, /^headers\.a b: a b is not a header name$/],
    [{ endpoint, headers: { a: 'x\ny' } }, /^headers\.a: a has a value with control/],
    [{ endpoint, headers: { 'Content-Length': '1' } }, /is set by the exporter itself/],
    [{ endpoint, headers: { 'content-type': 'x' } }, /is set by the exporter itself/],
    [{ endpoint, headers: { A: '1', a: '2' } }, /^headers\.a: a is there twice$/],
    [
      { endpoint, tenant_header: 'X-Org', headers: { 'x-org': 'a' } },
      /^tenant_header: X-Org is set in headers too; keep one of the two$/,
    ],
    [{ endpoint, compression_params: { level: 22 } }, /must be between -1 and 9 for gzip, not 22/],
    [
      { endpoint, compression: 'snappy', compression_params: { level: 1 } },
      /snappy has no levels; remove 1/,
    ],
    [{ endpoint, compression: 'brotli' }, /^compression: /],
    [{ endpoint, auth: { authenticator: 'x' } }, /^auth: is not supported; put the credentials/],
    [{ endpoint, middlewares: [] }, /^middlewares: is not supported/],
    [{ endpoint, endpiont: 'x' }, /endpiont/],
  ] as const) {
    assert.match(problems(section).join('\n'), problem);
  }
});
