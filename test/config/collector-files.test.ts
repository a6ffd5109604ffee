import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { inspectConfig } from '../../src/engine/config/load.ts';
import { describeMistake } from '../../src/engine/config/mistakes.ts';
import { fileSchema } from '../../src/engine/config/schema/file-schema.ts';
import { registry } from '../../src/registry.ts';

/** Files as operators of the OpenTelemetry Collector have them. All of them must load as they are. */
const FILES: Readonly<Record<string, string>> = {
  'an agent’s gateway with the old names': `
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        max_recv_msg_size_mib: 16
        keepalive:
          server_parameters: {max_connection_age: 60s, max_connection_age_grace: 10s}
      http:
        endpoint: 0.0.0.0:4318
        cors:
          allowed_origins: ["https://*.example.com"]
processors:
  memory_limiter:
    check_interval: 1s
    limit_mib: 4000
    spike_limit_mib: 800
  batch:
    send_batch_size: 8192
    timeout: 200ms
  resource:
    attributes:
      - key: cluster
        value: \${env:CLUSTER:-unknown}
        action: upsert
exporters:
  otlp:
    endpoint: tempo.example:4317
    tls:
      insecure: true
  otlphttp/mimir:
    endpoint: http://mimir.example/otlp
    headers:
      X-Scope-OrgID: team-a
    retry_on_failure:
      enabled: true
      initial_interval: 5s
      max_interval: 30s
      max_elapsed_time: 300s
    sending_queue:
      enabled: true
      num_consumers: 10
      queue_size: 5000
  debug:
    verbosity: detailed
    sampling_initial: 5
    sampling_thereafter: 200
extensions:
  health_check:
    endpoint: 0.0.0.0:13133
service:
  extensions: [health_check]
  telemetry:
    logs:
      level: INFO
      encoding: console
    metrics:
      level: detailed
      address: 0.0.0.0:8888
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, resource, batch]
      exporters: [otlp, debug]
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [otlphttp/mimir]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [debug]
`,
  'empty sections everywhere': `
receivers:
  otlp:
    protocols:
      grpc:
      http:
processors:
  batch:
exporters:
  debug:
  nop:
extensions:
  health_check:
service:
  extensions: [health_check]
  pipelines:
    traces/1: {receivers: [otlp], processors: [batch], exporters: [debug]}
    logs: {receivers: [otlp], exporters: [nop]}
`,
  'exporter batching, attributes and readers of its own': `
receivers:
  otlp/edge:
    protocols:
      grpc: {endpoint: "localhost:14317", include_metadata: true}
processors:
  attributes/tenant:
    actions:
      - {key: tenant, from_context: metadata.x-tenant, action: insert}
      - {key: password, action: delete}
      - {key: user.email, action: hash}
exporters:
  otlp_grpc:
    endpoint: https://backend.example:4317
    compression: zstd
    timeout: 10s
    keepalive: {time: 30s, timeout: 10s, permit_without_stream: true}
    sending_queue:
      sizer: items
      queue_size: 100000
      block_on_overflow: true
      batch:
        flush_timeout: 1s
        min_size: 1000
        max_size: 10000
        partition: {metadata_keys: [x-tenant]}
  file/archive:
    path: \${env:ARCHIVE:-/tmp/millrace-archive.jsonl}
    rotation: {max_megabytes: 10, max_backups: 3}
service:
  telemetry:
    resource: {service.name: gateway}
    metrics:
      readers:
        - pull:
            exporter:
              prometheus: {host: "0.0.0.0", port: 8888}
  pipelines:
    traces: {receivers: [otlp/edge], processors: [attributes/tenant], exporters: [otlp_grpc]}
    logs: {receivers: [otlp/edge], processors: [attributes/tenant], exporters: [otlp_grpc, file/archive]}
`,
};

for (const [name, text] of Object.entries(FILES)) {
  test(`a file of the Collector loads unchanged: ${name}`, async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'millrace-files-')), 'config.yaml');
    writeFileSync(path, text);
    const { config, mistakes } = await inspectConfig({ uris: [path], variables: {} }, registry);
    const errors = mistakes.filter(({ severity }) => severity === 'error').map(describeMistake);
    assert.deepEqual(errors, []);
    assert.ok(config);
    assert.deepEqual(structuredClone(config), config);
  });
}

test('the JSON Schema accepts what loads: files of the Collector and those in pipelines/', async () => {
  const document = (await fileSchema(registry)) as Parameters<typeof z.fromJSONSchema>[0];
  const schema = z.fromJSONSchema(document);
  const pipelines = new URL('../../pipelines/', import.meta.url);
  const ours = globSync('*.yaml', { cwd: pipelines });
  const texts = ours.map((file) => readFileSync(new URL(file, pipelines), 'utf8'));
  for (const text of [...texts, ...Object.values(FILES)]) {
    assert.deepEqual(schema.safeParse(parse(text)).error?.issues, undefined);
  }
  const bad = parse('{exporters: {debug: {verbosty: 1}}, service: {pipelines: {}}}') as unknown;
  assert.equal(schema.safeParse(bad).success, false);
});

test('expressions in the JSON Schema are read alike by every kind of checker', async () => {
  const text = JSON.stringify(await fileSchema(registry));
  assert.doesNotMatch(text, /\[\^\]/, '[^] is known to JavaScript alone');
});
