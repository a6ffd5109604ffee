import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from './index.ts';
import { schema } from './settings.ts';

const ENDPOINT = 'http://localhost:9090/api/v1/write';

function problems(section: object): string {
  const result = schema.safeParse({ endpoint: ENDPOINT, ...section });
  return (result.error?.issues ?? []).map(({ message }) => message).join('\n');
}

test('a section with an endpoint alone sends 1.0 and does not retry on 429', () => {
  const config = schema.parse({ endpoint: ENDPOINT });
  assert.equal(config.protobuf_message, 'prometheus.WriteRequest');
  assert.equal(config.max_batch_size_bytes, 3_000_000);
  assert.equal(config.retry_on_http_429, false);
  assert.deepEqual(config.external_labels, {});
});

test('the headers of the protocol cannot be overridden', () => {
  const names = [
    'Content-Type',
    'content-encoding',
    'X-Prometheus-Remote-Write-Version',
    'User-Agent',
    'Content-Length',
  ];
  for (const name of names) {
    assert.match(problems({ headers: { [name]: 'x' } }), /is set by the exporter itself/, name);
    assert.match(problems({ tenant_header: name }), /is set by the exporter itself/, name);
  }
  assert.equal(problems({ headers: { 'X-Own': 'x' } }), '');
});

test('an endpoint is a URL without credentials and fragment, or a socket', () => {
  assert.match(problems({ endpoint: undefined }), /is missing/);
  assert.match(problems({ endpoint: 'localhost:9090' }), /is no URL/);
  assert.match(problems({ endpoint: 'http://a:b@c/' }), /holds credentials/);
  assert.match(problems({ endpoint: 'http://c/#d' }), /has a fragment/);
  assert.equal(problems({ endpoint: 'unix:///run/a.sock:/api/v1/write' }), '');
});

test('external labels have names, and none of them is that of the metric', () => {
  assert.match(problems({ external_labels: { __name__: 'x' } }), /name every metric the same/);
  assert.match(problems({ external_labels: { '': 'x' } }), /needs a name/);
  assert.equal(problems({ external_labels: { 'data.center': 'x', empty: '' } }), '');
});

test('a tenant is said in one place', () => {
  const section = { headers: { 'x-scope-orgid': 'a' }, tenant_header: 'X-Scope-OrgID' };
  assert.match(problems(section), /is set in headers too/);
});

test('the queue keys of the Collector load without effect; its write-ahead log is refused', () => {
  const remote_write_queue = { enabled: true, queue_size: 10_000, num_consumers: 5 };
  assert.equal(problems({ remote_write_queue, max_batch_request_parallelism: 5 }), '');
  assert.match(problems({ wal: { directory: '/tmp' } }), /is not supported/);
});

test('what arrived as OTLP is translated as the section says', () => {
  const V2 = { protobuf_message: 'io.prometheus.write.v2.Request' };
  const wanted = (section: object) =>
    definition.translation(schema.parse({ endpoint: ENDPOINT, ...section }));
  assert.deepEqual(wanted({}), {
    strategy: 'UnderscoreEscapingWithSuffixes',
    namespace: '',
    resourceToTelemetry: false,
    targetInfo: true,
    scopeInfo: true,
    metadata: 'none',
    startTimestamps: false,
  });
  const strategy = 'UnderscoreEscapingWithoutSuffixes';
  assert.equal(wanted({ add_metric_suffixes: false }).strategy, strategy);
  const other = { add_metric_suffixes: false, translation_strategy: 'NoTranslation' };
  assert.equal(wanted(other).strategy, 'NoTranslation');
  assert.equal(wanted({ send_metadata: true }).metadata, 'families');
  assert.equal(wanted(V2).metadata, 'series');
  assert.equal(wanted(V2).startTimestamps, true);
  const off = { target_info: { enabled: false }, disable_scope_info: true };
  assert.equal(wanted(off).targetInfo, false);
  assert.equal(wanted(off).scopeInfo, false);
  const promoted = { resource_to_telemetry_conversion: { enabled: true } };
  assert.equal(wanted(promoted).resourceToTelemetry, true);
});

test('names that 1.0 cannot say are worth a note', () => {
  const noted = (section: object) =>
    definition.notes(schema.parse({ endpoint: ENDPOINT, ...section })).join();
  assert.equal(noted({}), '');
  assert.match(noted({ translation_strategy: 'NoTranslation' }), /has no UTF-8 names/);
  const both = {
    translation_strategy: 'UnderscoreEscapingWithSuffixes',
    add_metric_suffixes: true,
  };
  assert.match(noted(both), /add_metric_suffixes is without effect/);
});
