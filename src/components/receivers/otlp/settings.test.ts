import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settings } from './settings.ts';

function mistakesOf(section: unknown): string {
  const result = settings.safeParse(section);
  return result.success
    ? ''
    : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n');
}

test('OTLP-S2: a protocol that is named but empty listens on its usual port', () => {
  const config = settings.parse({ protocols: { grpc: null, http: {} } });
  assert.equal(config.grpc?.address, 'localhost:4317');
  assert.equal(config.http?.address, 'localhost:4318');
  assert.equal(config.grpc?.maxBytes, 64 * 1024 * 1024);
  assert.equal(config.http?.maxBytes, 64 * 1024 * 1024);
});

test('N-7: connections are kept for longer than senders are usually silent', () => {
  const config = settings.parse({ protocols: { http: null } });
  assert.equal(config.http?.limits.keepAlives, true);
  assert.ok((config.http?.limits.idleTimeoutMs ?? 0) > 60_000);
});

test('a protocol that is not named is off, and none at all is a mistake', () => {
  assert.equal(settings.parse({ protocols: { http: null } }).grpc, undefined);
  assert.match(mistakesOf({ protocols: {} }), /names no protocol/);
  assert.match(mistakesOf({ protocols: null }), /names no protocol/);
  assert.match(mistakesOf({}), /names no protocol/);
});

test('keys of the Collector that would be ignored in silence are refused with the reason', () => {
  const auth = { authenticator: 'basicauth' };
  assert.match(mistakesOf({ protocols: { http: { auth } } }), /http.auth: authenticators do not/);
  assert.match(mistakesOf({ protocols: { grpc: { auth } } }), /grpc.auth: authenticators do not/);
  assert.match(mistakesOf({ protocols: { http: { middlewares: [] } } }), /service.admission/);
});

test('a typical section of the Collector is taken as it is', () => {
  const config = settings.parse({
    protocols: {
      grpc: {
        endpoint: '0.0.0.0:4317',
        max_recv_msg_size_mib: 16,
        max_concurrent_streams: 100,
        read_buffer_size: 524288,
        include_metadata: true,
        keepalive: {
          server_parameters: { max_connection_age: '5m', max_connection_age_grace: '30s' },
          enforcement_policy: { min_time: '10s', permit_without_stream: true },
        },
      },
      http: {
        endpoint: '0.0.0.0:4318',
        max_request_body_size: 20971520,
        compression_algorithms: ['', 'gzip'],
        cors: { allowed_origins: ['https://*.example.com'], max_age: 7200 },
        tls: { cert_file: '/etc/cert.pem', key_file: '/etc/key.pem', client_ca_file: '/etc/ca' },
      },
    },
  });
  assert.equal(config.grpc?.limits.maxAgeMs, 300_000);
  assert.equal(config.grpc?.limits.minPingIntervalMs, 10_000);
  assert.equal(config.grpc?.maxBytes, 16 * 1024 * 1024);
  assert.deepEqual([...(config.http?.codings ?? [])], ['', 'gzip']);
});

test('TLS without a key, and unknown keys, are mistakes', () => {
  const tls = { cert_file: '/etc/cert.pem' };
  assert.match(mistakesOf({ protocols: { http: { tls } } }), /http.tls: needs key_file or key_pem/);
  assert.match(mistakesOf({ protocols: { http: { endpont: 'x' } } }), /endpont/);
});
