import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { program } from '../../src/cli/program.ts';
import type { Registry } from '../../src/contract/registry.ts';
import { registry as everything } from '../../src/registry.ts';
import { fakeRegistry } from './fakes.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-commands-'));

const GOOD = write(
  'good.yaml',
  `receivers: {otlp: {protocols: {grpc: }}}
processors: {batch: }
exporters:
  otlphttp/eu: {endpoint: "http://localhost:1", headers: {authorization: hunter2}}
extensions: {health_check: }
service:
  extensions: [health_check]
  shards: 4
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp_http/eu]}
`,
);

const BAD = write('bad.yaml', 'exporters:\n  debug:\n    verbosty: 1\nservice: {shard: 2}\n');

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function millrace(words: readonly string[], registry: Registry = fakeRegistry().registry) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await program(words, {
    registry,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('validate builds everything and shows the way of the data', async () => {
  const { code, out, err } = await millrace(['validate', '--config', GOOD]);
  assert.equal(code, 0, err);
  const lines = out.split('\n');
  assert.deepEqual(lines.slice(0, 2), [
    'traces: otlp -> batch -> otlphttp/eu',
    'otlphttp/eu: each of 4 shards queues 250 requests and sends 3 at once (of queue_size 1000, num_consumers 10)',
  ]);
  assert.match(lines[2] ?? '', /^the configuration is valid \(sha256 /);
  assert.match(err, /^note: .*good\.yaml:2:14 processors\.batch: is mapped/);
});

test('validate says what is kept together by an exchange between shards', async () => {
  const yaml = `
receivers: { prometheus_remote_write: {} }
exporters: { prometheus_remote_write: { endpoint: "http://localhost:1/api/v1/write" } }
service:
  shards: SHARDS
  pipelines: { metrics: { receivers: [prometheus_remote_write], exporters: [prometheus_remote_write] } }
`;
  const outOf = async (shards: number) =>
    (await millrace(['validate', `yaml:${yaml.replace('SHARDS', String(shards))}`], everything))
      .out;
  assert.match(
    await outOf(3),
    /^prometheus_remote_write: what has the same series goes to one of the 3 shards$/m,
  );
  assert.doesNotMatch(await outOf(1), /the same series/);
});

test('validate lists every mistake and fails', async () => {
  const { code, out, err } = await millrace(['validate', '--config', BAD]);
  assert.deepEqual([code, out], [1, '']);
  assert.deepEqual(err.replaceAll(`${directory}/`, '').split('\n'), [
    'bad.yaml:3:5 exporters.debug.verbosty: unknown key; did you mean "verbosity"?',
    'bad.yaml:4:1 service.pipelines: there are no pipelines; write at least one',
    'bad.yaml:4:11 service.shard: unknown key; did you mean "shards"?',
    '3 mistakes; nothing was started',
  ]);
});

test('validate finds two components with one address', async () => {
  const pipelines = '{metrics: {receivers: [prometheus_remote_write], exporters: [prometheus]}}';
  const shared = write(
    'shared.yaml',
    `receivers: {prometheus_remote_write: {endpoint: "localhost:1"}}
exporters: {prometheus: {endpoint: "localhost:1"}}
service: {pipelines: ${pipelines}}\n`,
  );
  const { code, err } = await millrace(['validate', '--config', shared], everything);
  assert.equal(code, 1);
  assert.match(
    err,
    /cannot listen on localhost:1 for exporter prometheus: receiver prometheus_remote_write has the same address/,
  );
});

test('a key that is not there is called required, whatever its type', async () => {
  const processors = '{memory_limiter: {limit_mib: 100}}';
  const { err } = await millrace(
    ['validate', write('limiter.yaml', `processors: ${processors}\n`)],
    everything,
  );
  assert.match(err, /check_interval: is required \(a duration such as 10s or 200ms\)/);
});

test('validate asks for one consumer only where there are more', async () => {
  const kafka = (consumers: number): string => `receivers: {otlp: {protocols: {http: }}}
exporters:
  kafka:
    metrics: {encoding: prometheus_remote_write}
    partition_metrics_by_series: true
    sending_queue: {num_consumers: ${consumers}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [kafka]}}}\n`;
  const errOf = async (consumers: number): Promise<string> =>
    (await millrace(['validate', write('kafka.yaml', kafka(consumers))], everything)).err;
  assert.match(await errOf(2), /set sending_queue\.num_consumers: 1/);
  assert.doesNotMatch(await errOf(1), /num_consumers/);
});

test('validate answers JSON for programs', async () => {
  const good = await millrace(['validate', '--config', GOOD, '--format', 'json']);
  assert.deepEqual([good.code, good.err], [0, '']);
  assert.deepEqual(JSON.parse(good.out), [
    {
      file: GOOD,
      line: 2,
      column: 14,
      path: 'processors.batch',
      message: 'is mapped on to the batching of the exporters',
      severity: 'warning',
    },
  ]);
  const bad = await millrace(['validate', BAD, '--format', 'json']);
  assert.equal(bad.code, 1);
  const [first] = JSON.parse(bad.out) as readonly object[];
  assert.deepEqual(first, {
    file: BAD,
    line: 3,
    column: 5,
    path: 'exporters.debug.verbosty',
    message: 'unknown key; did you mean "verbosity"?',
    severity: 'error',
  });
});

test('validate finds what only a component can know', async () => {
  const { registry } = fakeRegistry();
  const { default: exporter } = (await registry.exporters['otlp_http']?.()) ?? {};
  assert.ok(exporter);
  const create = (): never => {
    throw new Error('cannot read ca.pem');
  };
  const broken = { ...exporter, create };
  const exporters = { ...registry.exporters, otlp_http: async () => ({ default: broken }) };
  const { code, err } = await millrace(['validate', GOOD], { ...registry, exporters });
  assert.equal(code, 1);
  assert.match(err, /service\.pipelines: .*cannot read ca\.pem\n1 mistake; nothing was started$/);
});

test('print-config merges, expands and hides secrets unless told otherwise', async () => {
  const set = 'exporters.otlphttp/eu.sending_queue.queue_size=5';
  const { code, out } = await millrace(['print-config', '--config', GOOD, '--set', set]);
  assert.equal(code, 0);
  assert.deepEqual(parse(out), {
    receivers: { otlp: { protocols: { grpc: null } } },
    processors: { batch: {} },
    exporters: {
      'otlphttp/eu': {
        endpoint: 'http://localhost:1',
        headers: { authorization: '[redacted]' },
        sending_queue: { queue_size: 5 },
      },
    },
    extensions: { health_check: {} },
    service: {
      extensions: ['health_check'],
      shards: 4,
      pipelines: {
        traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_http/eu'] },
      },
    },
  });
  const words = ['print-config', GOOD, '--mode', 'unredacted', '--format', 'json'];
  assert.match((await millrace(words)).out, /"authorization": "hunter2"/);
  assert.equal((await millrace(['print-config', BAD])).code, 1);
});

test('print-config hides what a URL carries before its host and in its query', async () => {
  const url = 'http://user:hunter2@localhost:1/otlp?token=hunter2&tenant=a';
  const set = `exporters.otlphttp/eu.endpoint=${url}`;
  const { code, out } = await millrace(['print-config', '--config', GOOD, '--set', set]);
  assert.equal(code, 0, out);
  assert.match(
    out,
    /http:\/\/\[redacted\]@localhost:1\/otlp\?token=\[redacted\]&tenant=\[redacted\]/,
  );
  assert.doesNotMatch(out, /hunter2/);
});

test('components lists types, aliases and signals', async () => {
  const { code, out } = await millrace(['components']);
  assert.equal(code, 0);
  assert.match(
    out,
    /^KIND +TYPE +SIGNALS +STABILITY +SUMMARY\nreceivers +otlp +traces, metrics, logs +beta/,
  );
  assert.match(out, /exporters +otlp_http, otlphttp /);
  const json = JSON.parse((await millrace(['components', '--format', 'json'])).out) as object[];
  assert.deepEqual(json.at(-1), {
    kind: 'extensions',
    type: 'health_check',
    aliases: [],
    signals: [],
    stability: 'beta',
    summary: 'Answers whether all is well.',
  });
});

test('the schema knows every component under every spelling and name', async () => {
  const { code, out } = await millrace(['schema']);
  assert.equal(code, 0);
  const schema = JSON.parse(out) as {
    readonly $schema: string;
    readonly properties: Record<string, { patternProperties: Record<string, { $ref: string }> }>;
    readonly $defs: Record<string, { properties: Record<string, object>; type: unknown }>;
  };
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.deepEqual(schema.properties['exporters']?.patternProperties, {
    '^(debug)(/.+)?$': { $ref: '#/$defs/exporters.debug' },
    '^(otlp_grpc|otlp)(/.+)?$': { $ref: '#/$defs/exporters.otlp_grpc' },
    '^(otlp_http|otlphttp)(/.+)?$': { $ref: '#/$defs/exporters.otlp_http' },
  });
  const exporter = schema.$defs['exporters.otlp_http'];
  assert.deepEqual(exporter?.type, ['object', 'null']);
  assert.ok(exporter.properties['endpoint'] && exporter.properties['sending_queue']);
  assert.equal(schema.$defs['exporters.debug']?.properties['sending_queue'], undefined);
});

test('a command line nobody can make sense of is answered with the remedy', async () => {
  const check = async (words: readonly string[], expected: RegExp): Promise<void> => {
    const { code, err } = await millrace(words);
    assert.equal(code, 2);
    assert.match(err, expected);
  };
  await check(['valdate'], /there is no command "valdate", did you mean "validate"\?/);
  await check(['validate'], /no configuration is given; write --config FILE/);
  // As the OpenTelemetry Collector is started: without a command.
  await check(['--config', GOOD, '--frmat'], /unknown option '--frmat'/);
  await check(['--set=a.b=c'], /no configuration is given; write --config FILE/);
  await check(['validate', '--confi', 'x'], /unknown option '--confi'/);
  await check(['validate', GOOD, '--mode', 'x'], /unknown option '--mode'/);
  await check(
    ['validate', GOOD, '--format', 'xml'],
    /--format "xml" is not allowed; allowed: human, json/,
  );
  assert.equal((await millrace([])).code, 2);
  assert.match((await millrace(['--help'])).out, /^usage: millrace COMMAND/);
  assert.match((await millrace(['--version'])).out, /^millrace \d+\.\d+\.\d+/);
});
