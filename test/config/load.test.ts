import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { inspectConfig, loadConfig } from '../../src/engine/config/load.ts';
import { ConfigError, describeMistake } from '../../src/engine/config/mistakes.ts';
import { fakeRegistry } from './fakes.ts';

const GOOD = `receivers:
  otlp:
    protocols:
      grpc:
exporters:
  otlp_http/eu:
    endpoint: http://localhost:4318
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp_http/eu]
`;

function load(yaml: string, sets: readonly string[] = [], variables = {}) {
  return loadConfig({ uris: [`yaml:${yaml}`], sets, variables }, fakeRegistry().registry);
}

async function mistakesOf(yaml: string, sets: readonly string[] = []): Promise<readonly string[]> {
  const options = { uris: [`yaml:${yaml}`], sets, variables: {} };
  const { mistakes } = await inspectConfig(options, fakeRegistry().registry);
  return mistakes.filter(({ severity }) => severity === 'error').map(describeMistake);
}

test('a small file becomes a whole configuration with the defaults', async () => {
  const config = await load(GOOD);
  assert.deepEqual(config.receivers['otlp'], {
    id: 'otlp',
    type: 'otlp',
    settings: { protocols: { grpc: { endpoint: 'localhost:4317' } } },
  });
  assert.deepEqual(config.exporters['otlp_http/eu']?.delivery, {
    timeoutMs: 30_000,
    retry: {
      enabled: true,
      initialIntervalMs: 5000,
      randomizationFactor: 0.5,
      multiplier: 1.5,
      maxIntervalMs: 30_000,
      maxElapsedTimeMs: 300_000,
    },
    queue: {
      enabled: true,
      numConsumers: 10,
      size: 1000,
      sizer: 'requests',
      blockOnOverflow: false,
      waitForResult: false,
      batch: undefined,
    },
  });
  assert.deepEqual(config.service, {
    shards: availableParallelism(),
    extensions: [],
    pipelines: {
      traces: {
        id: 'traces',
        signal: 'traces',
        receivers: ['otlp'],
        processors: [],
        exporters: ['otlp_http/eu'],
        bestEffort: [],
        acknowledge: 'queued',
      },
    },
    tenancy: { headers: [], default: 'default' },
    admission: { maxBytes: 0, tenantShare: 1 },
    telemetry: {
      logs: { level: 'info', encoding: 'json' },
      metrics: {
        level: 'normal',
        address: 'localhost:8888',
        prefix: 'millrace_',
        totalSuffix: false,
      },
    },
    shutdownTimeoutMs: 25_000,
  });
  assert.deepEqual(config.notes, []);
});

test('a configuration is frozen through and through and can be cloned to a thread', async () => {
  const config = await load(GOOD);
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(Object.isFrozen(value));
    for (const entry of Object.values(value)) visit(entry);
  };
  visit(config);
  assert.deepEqual(structuredClone(config), config);
});

test('the hash is that of the resolved configuration, not of its spelling', async () => {
  const { hash } = await load(GOOD);
  assert.match(hash, /^[0-9a-f]{64}$/);
  const reordered = GOOD.replace(/^receivers:[^]*grpc:\n/, '').concat(
    'receivers: {otlp: {protocols: {grpc: {endpoint: "${env:E:-localhost:4317}"}}}}\n',
  );
  assert.equal((await load(`${reordered}# a comment`)).hash, hash);
  assert.notEqual((await load(GOOD, ['exporters.otlp_http/eu.compression=none'])).hash, hash);
});

test('only the modules of named components are loaded', async () => {
  const { registry, loaded } = fakeRegistry();
  await loadConfig({ uris: [`yaml:${GOOD}`], variables: {} }, registry);
  assert.deepEqual(loaded, ['otlp', 'otlp_http']);
});

test('both spellings of a type mean the same, in sections and in references', async () => {
  const check = async (written: string, named: string, type: string): Promise<void> => {
    const yaml = GOOD.replace('otlp_http/eu:', `${written}:`).replace('otlp_http/eu]', `${named}]`);
    const config = await load(yaml);
    assert.equal(config.exporters[written]?.type, type);
    assert.deepEqual(config.service.pipelines['traces']?.exporters, [written]);
  };
  await check('otlphttp', 'otlphttp', 'otlp_http');
  await check('otlphttp/eu', 'otlp_http/eu', 'otlp_http');
  await check('otlp_grpc', 'otlp', 'otlp_grpc');
  await check('otlp', 'otlp', 'otlp_grpc');
});

test('every mistake is reported at once, with its place, and says what to do', async () => {
  const found = await mistakesOf(`receivers:
  otlp:
    protocols:
      grpc:
        endpiont: x
  kafka:
exporters:
  otlp_http/eu:
    timeout: "10"
    compression: gzp
    sending_queue:
      num_consumers: 0
      storage: file_storage
      blocking: true
      batch: {min_size: 10, max_size: 5}
    batcher: {}
    old: 1
  otlphtp:
  debug: {verbosity: 7, timeout: 1s}
processors:
  bad id:
connectors:
  forward:
receiver: {}
service:
  shards: many
  telemetry: {logs: {level: loud}}
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp, otlp]
      exporters: [otlp_http/ue]
      best_effort: [debug]
    metrics: {exporters: [debug]}
    trace/x: {}
    logs: {acknowledge: persisted}
`);
  assert.deepEqual(found, [
    'yaml:5:9 receivers.otlp.protocols.grpc.endpiont: unknown key; did you mean "endpoint"?',
    'yaml:6:3 receivers.kafka: this build has no receiver of type "kafka"; allowed: otlp, scrape',
    'yaml:8:3 exporters.otlp_http/eu.endpoint: is required (a string)',
    'yaml:9:5 exporters.otlp_http/eu.timeout: "10" has no unit; write 10s',
    'yaml:10:5 exporters.otlp_http/eu.compression: "gzp" is not allowed; allowed: gzip, zstd, none; did you mean "gzip"?',
    'yaml:12:7 exporters.otlp_http/eu.sending_queue.num_consumers: must be at least 1, got 0',
    'yaml:13:7 exporters.otlp_http/eu.sending_queue.storage: retired: disk queues are not part of this build yet; remove it to keep the queue in memory',
    'yaml:14:7 exporters.otlp_http/eu.sending_queue.blocking: retired: it is called block_on_overflow now',
    'yaml:15:29 exporters.otlp_http/eu.sending_queue.batch.max_size: 5 is less than min_size (10); raise it, or write 0 for no limit',
    'yaml:16:5 exporters.otlp_http/eu.batcher: retired: batching moved into the queue; write it as sending_queue.batch',
    'yaml:17:5 exporters.otlp_http/eu.old: retired: it is called endpoint now',
    'yaml:18:3 exporters.otlphtp: this build has no exporter of type "otlphtp"; did you mean "otlphttp"?',
    'yaml:19:11 exporters.debug.verbosity: 7 is not allowed; allowed: basic, detailed',
    'yaml:19:25 exporters.debug.timeout: unknown key; allowed: verbosity',
    'yaml:21:3 processors.bad id: "bad id" is no component id; write a type, or a type and a name as in otlp/edge',
    'yaml:23:3 connectors.forward: this build has no connectors yet; let one pipeline name the exporters of both',
    'yaml:24:1 receiver: unknown section; did you mean "receivers"?',
    'yaml:26:3 service.shards: expected auto or a whole number from 1 to 1024, got "many"',
    'yaml:27:22 service.telemetry.logs.level: "loud" is not allowed; allowed: debug, info, warn, error, dpanic, panic, fatal',
    'yaml:28:16 service.extensions[0]: "health_check" is not defined; define it under extensions',
    'yaml:31:25 service.pipelines.traces.receivers[1]: "otlp" is listed twice',
    'yaml:32:19 service.pipelines.traces.exporters[0]: "otlp_http/ue" is not defined; did you mean "otlp_http/eu"?',
    'yaml:33:21 service.pipelines.traces.best_effort[0]: "debug" is not among the exporters of this pipeline; there is none to choose from',
    'yaml:34:5 service.pipelines.metrics.receivers: the pipeline has no receivers; name at least one',
    'yaml:34:27 service.pipelines.metrics.exporters[0]: "debug" does not carry metrics, only traces and logs',
    'yaml:35:5 service.pipelines.trace/x: "trace" is no signal this build carries; did you mean "traces"?',
    'yaml:36:12 service.pipelines.logs.acknowledge: "persisted" is not allowed; allowed: queued, delivered',
  ]);
});

test('the shared keys of exporters are checked against each other', async () => {
  const check = async (queue: string, expected: readonly string[]): Promise<void> => {
    const yaml = GOOD.replace('    endpoint: http', `    ${queue}\n    endpoint: http`);
    const found = await mistakesOf(yaml);
    const bare = found.map((line) => line.replace('exporters.otlp_http/eu.', ''));
    assert.deepEqual(bare, expected, queue);
  };
  await check('sending_queue: {batch: {min_size: 10, max_size: 5}}', [
    'yaml:7:43 sending_queue.batch.max_size: 5 is less than min_size (10); raise it, or write 0 for no limit',
  ]);
  await check('sending_queue: {sizer: items, batch: {}}', [
    'yaml:7:35 sending_queue.batch.min_size: 8192 items never fit into queue_size (1000); raise queue_size or lower min_size',
  ]);
  await check('sending_queue: {sizer: items, queue_size: 9000, batch: {}}', []);
  await check('sending_queue: {batch: {partition: {metadata_keys: [a, A]}}}', [
    'yaml:7:60 sending_queue.batch.partition.metadata_keys[1]: "A" is listed twice; case does not matter',
  ]);
  await check('sending_queue: {batch: {sizer: requests}}', [
    'yaml:7:29 sending_queue.batch.sizer: "requests" is not allowed; allowed: items, bytes',
  ]);
  await check('sending_queue: {batch: {min_size_items: 5}}', [
    'yaml:7:29 sending_queue.batch.min_size_items: retired: write it as sending_queue.batch.min_size and max_size, with sizer: items',
  ]);
  await check('retry_on_failure: {max_elapsed_time: 10s}', [
    'yaml:7:24 retry_on_failure.max_elapsed_time: 10s is less than max_interval (30s); no request would be tried again',
  ]);
  await check('retry_on_failure: {max_elapsed_time: 0}', []);
  await check('retry_on_failure: {enabled: false, max_elapsed_time: 10s}', []);
  await check('retry_on_failure: {randomization_factor: 2}', [
    'yaml:7:24 retry_on_failure.randomization_factor: must be at most 1, got 2',
  ]);
  await check('timeout: -1s', ['yaml:7:5 timeout: must be at least 0ms, got "-1s"']);
});

test('a batch counts what its queue counts, unless it says otherwise', async () => {
  const check = async (queue: string, expected: object | undefined): Promise<void> => {
    const yaml = GOOD.replace(
      '    endpoint: http',
      `    sending_queue: ${queue}\n    endpoint: http`,
    );
    const { batch } = (await load(yaml)).exporters['otlp_http/eu']?.delivery?.queue ?? {};
    if (expected === undefined) assert.equal(batch, undefined);
    else assert.deepEqual({ ...batch, ...expected }, batch);
  };
  await check('{}', undefined);
  await check('{batch: }', { flushTimeoutMs: 200, minSize: 8192, maxSize: 0, sizer: 'items' });
  await check('{sizer: bytes, queue_size: 100000, batch: {}}', { sizer: 'bytes' });
  await check('{sizer: bytes, batch: {sizer: items}}', { sizer: 'items' });
  await check('{batch: {partition: {metadata_keys: [X-Tenant]}}}', { metadataKeys: ['x-tenant'] });
});

test('a component that nothing names is noted, checked, and left out', async () => {
  const config = await load(
    GOOD.replace('service:', '  debug:\nextensions: {health_check: }\nservice:'),
  );
  assert.deepEqual(Object.keys(config.exporters), ['otlp_http/eu']);
  assert.deepEqual(config.extensions, {});
  assert.deepEqual(config.notes, [
    {
      path: 'exporters.debug',
      message: 'is not used: no pipeline names it',
      file: 'yaml',
      line: 8,
      column: 3,
    },
    {
      path: 'extensions.health_check',
      message: 'is not used: service.extensions does not name it',
      file: 'yaml',
      line: 9,
      column: 14,
    },
  ]);
});

test('keys without effect and notes of components are told', async () => {
  const yaml = GOOD.replace('    endpoint: http', '    quirk: true\n    endpoint: http')
    .replace('service:', 'processors: {batch: }\nservice:')
    .replace('receivers: [otlp]', 'receivers: [otlp]\n      processors: [batch]')
    .concat('  telemetry: {resource: {service.name: x}, traces: {level: none}}\n');
  const { notes } = await load(yaml);
  assert.deepEqual(
    notes.map(({ path, message }) => `${path}: ${message}`),
    [
      'exporters.otlp_http/eu.quirk: has no effect: there are no quirks',
      'processors.batch: is mapped on to the batching of the exporters',
      'service.telemetry.resource: has no effect: self-metrics carry no resource attributes',
      'service.telemetry.traces: has no effect: Millrace does not trace itself',
    ],
  );
});

test('the metrics address follows the Collector, and readers of one’s own add _total', async () => {
  const check = async (metrics: string, address: string | undefined, totalSuffix: boolean) => {
    const config = await load(`${GOOD}  telemetry: {metrics: ${metrics}}\n`);
    const { metrics: read } = config.service.telemetry;
    assert.deepEqual([read.address, read.totalSuffix], [address, totalSuffix], metrics);
  };
  const page = (of: string): string => `{readers: [{pull: {exporter: {prometheus: ${of}}}}]}`;
  await check('{}', 'localhost:8888', false);
  await check('{address: "0.0.0.0:9999"}', '0.0.0.0:9999', false);
  await check('{address: ""}', undefined, false);
  await check('{level: none}', undefined, false);
  await check(page("{host: '0.0.0.0', port: 9090}"), '0.0.0.0:9090', true);
  await check(page("{host: '::', port: 9090}"), '[::]:9090', true);
  await check(page('{port: 9090, without_type_suffix: true}'), 'localhost:9090', false);
  await check('{readers: [{periodic: {exporter: {otlp: {}}}}]}', undefined, false);
});

test('a required tenant has no default, and headers are lower case', async () => {
  const check = async (tenancy: string, expected: object): Promise<void> => {
    const { tenancy: read, admission } = (await load(`${GOOD}  tenancy: ${tenancy}\n`)).service;
    assert.deepEqual({ ...read, share: admission.tenantShare }, expected);
  };
  await check('{headers: [X-Scope-OrgID]}', {
    headers: ['x-scope-orgid'],
    default: 'default',
    share: 0.5,
  });
  await check('{headers: [a], default: anonymous, required: true}', {
    headers: ['a'],
    default: undefined,
    share: 0.5,
  });
});

test('without a service there is nothing to run', async () => {
  const none = 'there are no pipelines; write at least one';
  assert.deepEqual(await mistakesOf('receivers:'), [`yaml:1:1 service.pipelines: ${none}`]);
  assert.deepEqual(await mistakesOf('service:\n  pipelines: {}'), [
    `yaml:2:3 service.pipelines: ${none}`,
  ]);
  assert.deepEqual(await mistakesOf('service: 5'), [
    'yaml:1:1 service: expected a mapping, got 5',
    `yaml:1:1 service.pipelines: ${none}`,
  ]);
});

test('a component under the wrong section is sent to the right one', async () => {
  const found = await mistakesOf(GOOD.replace('service:', '  health_check:\nservice:'));
  assert.deepEqual(found, [
    'yaml:8:3 exporters.health_check: this build has no exporter of type "health_check"; it belongs under extensions',
  ]);
});

test('a retired type is answered with the one that took its place', async () => {
  const [mistake] = await mistakesOf(`${GOOD.replace('exporters:', 'exporters:\n  logging:')}`);
  assert.match(mistake ?? '', /exporters\.logging: .* is retired, write debug in its place$/);
});

test('a failed load throws one error with all of it', async () => {
  await assert.rejects(load(GOOD.replace('[otlp]', '[oltp]')), (error) => {
    assert.ok(error instanceof ConfigError);
    const [mistake] = error.mistakes;
    assert.deepEqual(mistake, {
      file: 'yaml',
      line: 11,
      column: 19,
      path: 'service.pipelines.traces.receivers[0]',
      message: '"oltp" is not defined; did you mean "otlp"?',
      severity: 'error',
    });
    assert.equal(error.message, describeMistake(mistake));
    return true;
  });
});

test('a secret is never shown, neither in a message nor in the printed configuration', async () => {
  const yaml = GOOD.replace(
    '    endpoint: http',
    `    token: \${env:TOKEN}
    headers: {authorization: "Bearer \${TOKEN}", x: "\${env:PIN}"}
    tls: {key_pem: "\${env:TOKEN}"}
    endpoint: http`,
  );
  const variables = { TOKEN: 'hunter2hunter2', PIN: '0123' };
  const options = { uris: [`yaml:${yaml}`], variables };
  const good = await inspectConfig(options, fakeRegistry().registry);
  assert.deepEqual(good.mistakes, []);
  assert.doesNotMatch(JSON.stringify(good.redacted), /hunter2|0123/);
  assert.match(JSON.stringify(good.redacted), /"token":"\[redacted\]"/);
  assert.match(JSON.stringify(good.resolved), /Bearer hunter2hunter2/);

  const sets = [
    'exporters.otlp_http/eu.token=hunter2',
    'exporters.otlp_http/eu.tls.key_pem=[hunter3]',
  ];
  const bad = await inspectConfig({ ...options, sets }, fakeRegistry().registry);
  const said = bad.mistakes.map(describeMistake);
  assert.equal(said.length, 2, said.join('\n'));
  assert.doesNotMatch(said.join('\n'), /hunter/);
});
