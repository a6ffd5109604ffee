import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jobOf, STALE, startReceiver, startServer, type Submitted } from '../fixture.test.ts';

const isOf = (label: string) => (scrape: Submitted) =>
  scrape.of('up')[0]?.labels.includes(label) === true;

test('rules see what is known of a target, and what they leave is scraped', async () => {
  await using server = await startServer('a 1\n');
  const rules = [
    { source_labels: ['__address__'], regex: 'drop.*', action: 'drop' },
    { source_labels: ['__address__'], target_label: '__param_target' },
    { source_labels: ['__param_target'], target_label: 'instance' },
    { target_label: '__address__', replacement: server.address },
    { target_label: '__metrics_path__', replacement: '/probe' },
    { source_labels: ['__scrape_interval__'], target_label: 'every' },
    { target_label: '__tmp', replacement: 'x' },
  ];
  const job = {
    job_name: 'probes',
    scrape_interval: '250ms',
    params: { module: ['http'] },
    relabel_configs: rules,
    static_configs: [{ targets: ['https://example.org', 'drop-me:1'], labels: { env: 'prod' } }],
  };
  await using running = await startReceiver([job]);
  const { series } = await running.intake.next();
  assert.equal(
    series[0]?.labels,
    '__name__=a|env=prod|every=250ms|instance=https://example.org|job=probes',
  );
  assert.equal(server.requests[0]?.url, '/probe?module=http&target=https%3A%2F%2Fexample.org');
  const [target, dropped] = running.targets();
  assert.deepEqual(target?.['labels'], {
    env: 'prod',
    every: '250ms',
    instance: 'https://example.org',
    job: 'probes',
  });
  assert.deepEqual(target?.['discoveredLabels'], {
    __address__: 'https://example.org',
    __metrics_path__: '/metrics',
    __param_module: 'http',
    __scheme__: 'http',
    __scrape_interval__: '250ms',
    __scrape_timeout__: '250ms',
    env: 'prod',
    job: 'probes',
  });
  const { health, scrapePool, scrapeInterval, scrapeUrl, lastScrape } = target as Record<
    string,
    unknown
  >;
  assert.deepEqual([health, scrapePool, scrapeInterval], ['up', 'probes', '250ms']);
  assert.match(String(scrapeUrl), /\/probe\?module=http/);
  assert.match(String(lastScrape), /^20\d\d-\d\d-\d\dT.*Z$/);
  assert.deepEqual(
    [dropped?.['dropped'], running.counted.get('scrape_targets dropped')],
    [true, 1],
  );
});

test('a target that cannot be scraped as it is says why, and the others are scraped', async () => {
  await using server = await startServer('a 1\n');
  const targets = [server.address, 'http://has.a/path'];
  await using running = await startReceiver([jobOf(server, { static_configs: [{ targets }] })]);
  await running.intake.next();
  assert.match(String(running.targets()[1]?.['lastError']), /is no host:port/);
});

test('the same target is scraped once, whoever tells it', async () => {
  await using server = await startServer('a 1\n');
  const groups = [{ targets: [server.address, server.address] }, { targets: [server.address] }];
  await using running = await startReceiver([jobOf(server, { static_configs: groups })]);
  await running.intake.next();
  assert.equal(running.targets().length, 1);
});

test('too many targets are not asked, and all of them are down', async () => {
  await using server = await startServer('a 1\n');
  const targets = [server.address, '127.0.0.1:1'];
  const more = { target_limit: 1, static_configs: [{ targets }] };
  await using running = await startReceiver([jobOf(server, more)]);
  const { intake } = running;
  await intake.until(() => intake.submitted.length >= 2);
  assert.ok(intake.submitted.every((scrape) => scrape.of('up')[0]?.value === 0));
  assert.equal(server.requests.length, 0);
  assert.match(String(running.targets()[0]?.['lastError']), /2 targets; target_limit is 1/);
});

test('shards share the targets: each is scraped by exactly one', async () => {
  await using server = await startServer('a 1\n');
  const targets = Array.from(
    { length: 20 },
    (_each, at) => `127.0.0.${at + 1}:${server.address.split(':')[1]}`,
  );
  const jobs = [{ job_name: 'test', static_configs: [{ targets }] }];
  const shown = async (index: number) => {
    await using running = await startReceiver(jobs, { shard: { index, count: 3 } });
    return running.targets().map(({ scrapeUrl }) => String(scrapeUrl));
  };
  const parts = await Promise.all([0, 1, 2].map(shown));
  assert.ok(parts.every((part) => part.length > 0));
  assert.deepEqual(
    parts.flat().sort(),
    targets.map((address) => `http://${address}/metrics`).sort(),
  );
});

test('targets in files follow the files; a broken file changes nothing; those that go are stale', async (t) => {
  await using server = await startServer('a 1\n');
  const folder = mkdtempSync(join(tmpdir(), 'millrace-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, 'new'), text);
    renameSync(join(folder, 'new'), join(folder, name));
  };
  write('a.yaml', `- targets: ['${server.address}']\n  labels: { from: yaml }\n`);
  const files = [join(folder, '*.yaml'), join(folder, '*.json')];
  const job = { job_name: 'files', file_sd_configs: [{ files }] };
  await using running = await startReceiver([job]);
  const { intake, counted } = running;
  await intake.next(isOf('from=yaml'));
  const [target] = running.targets();
  const discovered = target?.['discoveredLabels'] as Record<string, string>;
  assert.equal(discovered['__meta_filepath'], join(folder, 'a.yaml'));
  write('b.json', JSON.stringify([{ targets: [server.address], labels: { from: 'json' } }]));
  await intake.next(isOf('from=json'));
  write('a.yaml', '- targets: [\n');
  await intake.until(() => (counted.get('discovery_refreshes file failure') ?? 0) > 0);
  await intake.next(isOf('from=yaml'));
  rmSync(join(folder, 'a.yaml'));
  const last = await intake.next((scrape) => scrape.of('a')[0]?.bits === STALE);
  assert.ok(isOf('from=yaml')(last));
  assert.equal(last.of('up')[0]?.bits, STALE);
  const { length } = intake.submitted;
  await intake.next();
  await intake.next();
  assert.ok(intake.submitted.slice(length).every(isOf('from=json')));
});

test('targets that a server tells are asked for again and again, and stay while it cannot be asked', async () => {
  await using server = await startServer('a 1\n');
  const group = (labels: object) => JSON.stringify([{ targets: [server.address], labels }]);
  let told = group({ v: '1' });
  let status = 200;
  await using discovery = await startServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(told);
  });
  const url = `http://${discovery.address}/targets`;
  const authorization = { credentials: 'token' };
  const job = {
    job_name: 'http',
    http_sd_configs: [{ url, refresh_interval: '150ms', authorization }],
  };
  await using running = await startReceiver([job]);
  const { intake, counted } = running;
  await intake.next(isOf('v=1'));
  assert.equal(discovery.requests[0]?.headers.authorization, 'Bearer token');
  assert.equal(discovery.requests[0]?.headers['x-prometheus-refresh-interval-seconds'], '0.15');
  const discovered = running.targets()[0]?.['discoveredLabels'] as Record<string, string>;
  assert.equal(discovered['__meta_url'], url);
  status = 500;
  await intake.until(() => (counted.get('discovery_refreshes http failure') ?? 0) > 1);
  await intake.next(isOf('v=1'));
  [status, told] = [200, group({ v: '2' })];
  await intake.next(isOf('v=2'));
  const isEnd = (scrape: Submitted) => isOf('v=1')(scrape) && scrape.of('a')[0]?.bits === STALE;
  await intake.until(() => intake.submitted.some(isEnd));
  told = '{"not": "a list"}';
  await intake.next(isOf('v=2'));
});
