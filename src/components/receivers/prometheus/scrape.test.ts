import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { jobOf, STALE, startReceiver, startServer, type Submitted } from './fixture.test.ts';

const isUp = (scrape: Submitted) => scrape.of('up')[0]?.value === 1;
const isDown = (scrape: Submitted) => scrape.of('up')[0]?.value === 0;
const valuesOf = (scrape: Submitted, ...names: string[]) =>
  names.map((name) => scrape.of(name)[0]?.value);

test('a page becomes a batch with the labels of its target and the series Prometheus adds', async () => {
  await using server = await startServer('# TYPE a counter\n# HELP a Help.\na{b="c"} 1\nd 2\n');
  await using running = await startReceiver([jobOf(server)]);
  const { intake, counted } = running;
  const scrape = await intake.next();
  const target = `instance=${server.address}|job=test`;
  assert.deepEqual(
    scrape.series.map(({ labels }) => labels),
    [
      `__name__=a|b=c|${target}`,
      `__name__=d|${target}`,
      `__name__=up|${target}`,
      `__name__=scrape_duration_seconds|${target}`,
      `__name__=scrape_samples_scraped|${target}`,
      `__name__=scrape_samples_post_metric_relabeling|${target}`,
      `__name__=scrape_series_added|${target}`,
    ],
  );
  assert.deepEqual([scrape.tenant, scrape.items], ['default', 7]);
  const [{ type, help } = {}] = scrape.of('a');
  assert.deepEqual([type, help], [1, 'Help.']);
  assert.deepEqual(
    valuesOf(scrape, 'up', 'scrape_samples_scraped', 'scrape_series_added'),
    [1, 2, 2],
  );
  const second = await intake.next();
  assert.deepEqual(valuesOf(second, 'scrape_samples_scraped', 'scrape_series_added'), [2, 0]);
  const times = new Set(second.series.map(({ time }) => time));
  assert.equal(times.size, 1);
  assert.ok(second.series[0]!.time > scrape.series[0]!.time);
  assert.ok(counted.get('scrapes success')! >= 2);
  assert.equal(counted.get('scrape_targets up'), 1);
});

test('the request says who asks, for which formats, and how long it waits', async () => {
  await using server = await startServer('a 1\n');
  const more = { scrape_timeout: '150ms', params: { 'match[]': ['{a="b"}', 'c'], z: ['1'] } };
  await using running = await startReceiver([
    jobOf(server, { ...more, metrics_path: '/federate' }),
  ]);
  await running.intake.next();
  const { method, url, headers } = server.requests[0]!;
  assert.equal(method, 'GET');
  assert.equal(url, '/federate?match%5B%5D=%7Ba%3D%22b%22%7D&match%5B%5D=c&z=1');
  assert.equal(
    headers['accept'],
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,' +
      'application/openmetrics-text;version=0.0.1;q=0.4,' +
      'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
  );
  assert.equal(headers['user-agent'], 'millrace/1.2.3');
  assert.equal(headers['accept-encoding'], 'gzip');
  assert.equal(headers['x-prometheus-scrape-timeout-seconds'], '0.15');
});

test('one connection serves all scrapes of a target', async () => {
  await using server = await startServer('a 1\n');
  await using running = await startReceiver([jobOf(server)]);
  await running.intake.until(() => running.intake.submitted.length >= 4);
  assert.equal(new Set(server.requests.map(({ socket }) => socket)).size, 1);
});

test('gzip is undone, and OpenMetrics is known by its content type', async () => {
  await using server = await startServer((_request, response) => {
    const type = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
    const body = gzipSync('a_total 1 # {trace_id="x"} 0.5\n# EOF\n');
    response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' }).end(body);
  });
  await using running = await startReceiver([jobOf(server)]);
  const scrape = await running.intake.next();
  assert.equal(scrape.of('a_total')[0]?.exemplars[0]?.labels, 'trace_id=x');
});

test('a target that is gone is down, its series are stale once, and it comes back', async () => {
  const page = 'a 1\n';
  await using server = await startServer(page);
  await using running = await startReceiver([jobOf(server)]);
  await running.intake.next(isUp);
  server.page = (_request, response) => response.destroy();
  const down = await running.intake.next(isDown);
  assert.equal(down.of('a')[0]?.bits, STALE);
  assert.deepEqual((await running.intake.next()).of('a'), []);
  const [target] = running.targets();
  assert.deepEqual([target?.['health'], running.counted.get('scrape_targets down')], ['down', 1]);
  assert.match(String(target?.['lastError']), /no answer from http/);
  server.page = page;
  assert.equal((await running.intake.next(isUp)).of('a')[0]?.value, 1);
});

test('pages that cannot be taken are counted by reason, and shown as the last error', async () => {
  await using server = await startServer('a 1\n');
  const more = { sample_limit: 2, body_size_limit: 1000, scrape_timeout: '150ms' };
  await using running = await startReceiver([
    jobOf(server, { ...more, extra_scrape_metrics: true }),
  ]);
  const f = async (page: typeof server.page, reason: string, error: RegExp) => {
    server.page = page;
    const before = running.counted.get(`scrapes ${reason}`) ?? 0;
    await running.intake.until(() => (running.counted.get(`scrapes ${reason}`) ?? 0) > before);
    assert.match(String(running.targets()[0]?.['lastError']), error);
    return running.intake.next(isDown);
  };
  await f('a{ 1\n', 'parse', /line 1 of the page/);
  await f('a 1\nb 1\nc 1\n', 'sample_limit', /3 samples; sample_limit is 2/);
  await f('a{b="1",b="2"} 1\n', 'invalid_labels', /is there twice/);
  const large = await f(`a{b="${'x'.repeat(1000)}"} 1\n`, 'body_size_limit', /over 1000 bytes/);
  assert.deepEqual(valuesOf(large, 'scrape_body_size_bytes', 'scrape_sample_limit'), [-1, 2]);
  const bomb = gzipSync('a 1\n'.repeat(100_000));
  await f(
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    'body_size_limit',
    /over 1000 bytes/,
  );
  const broken = Buffer.from('not gzip at all');
  await f(
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(broken),
    'compression',
    /cannot decompress/,
  );
  await f((_request, response) => response.writeHead(503).end(), 'http_status', /status 503/);
  await f(() => undefined, 'timeout', /no page from http.* within 150ms/);
});

test('redirects are followed, but another host is told no credentials', async () => {
  await using other = await startServer('a 1\n');
  await using server = await startServer((request, response) => {
    const location = request.url === '/metrics' ? '/here' : `http://${other.address}/there`;
    response.writeHead(302, { location }).end();
  });
  const more = { basic_auth: { username: 'me', password: 'secret' } };
  await using running = await startReceiver([jobOf(server, more)]);
  await running.intake.next(isUp);
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  assert.deepEqual(
    server.requests.slice(0, 2).map(({ url, headers }) => [url, headers.authorization]),
    [
      ['/metrics', basic],
      ['/here', basic],
    ],
  );
  const { url, headers } = other.requests[0]!;
  assert.deepEqual([url, headers.authorization], ['/there', undefined]);
  await using strict = await startReceiver([jobOf(server, { follow_redirects: false })]);
  await strict.intake.next(isDown);
});

test('data for which there is no room is counted, and nothing becomes stale by it', async () => {
  await using server = await startServer('a 1\nb 1\n');
  await using running = await startReceiver([jobOf(server)]);
  const { intake, counted } = running;
  await intake.next();
  intake.onAdmit = { kind: 'retry', reason: 'memory', message: 'no room' };
  await intake.until(() => (counted.get('scrapes refused') ?? 0) > 0);
  intake.onAdmit = undefined;
  intake.onResize = () => ({ kind: 'retry', reason: 'memory', message: 'no room' });
  await intake.until(() => (counted.get('scrapes refused') ?? 0) > 2);
  intake.onResize = undefined;
  const after = await intake.next();
  assert.deepEqual(valuesOf(after, 'a', 'b', 'scrape_series_added'), [1, 1, 0]);
  intake.outcome = { kind: 'retry', reason: 'queue_full', message: 'full' };
  server.page = 'b 1\n';
  await intake.next((scrape) => scrape.of('a')[0]?.bits === STALE);
  intake.outcome = { kind: 'accepted' };
  const again = await intake.next();
  assert.equal(again.of('a')[0]?.bits, STALE);
  assert.deepEqual((await intake.next()).of('a'), []);
  assert.equal(intake.held, 0);
});

test('at a stop nothing is marked as stale, a scrape under way is let go, and it may come twice', async () => {
  await using server = await startServer('a 1\n');
  const running = await startReceiver([jobOf(server)]);
  await running.intake.next();
  const asked = new Promise<void>((resolve) => {
    server.page = () => resolve();
  });
  await asked;
  const { length } = running.intake.submitted;
  await running.receiver.stop(AbortSignal.timeout(5000));
  await running.receiver.stop(AbortSignal.timeout(5000));
  assert.equal(running.intake.submitted.length, length);
  assert.ok(
    running.intake.submitted.every(({ series }) => series.every(({ bits }) => bits !== STALE)),
  );
  assert.equal(running.intake.held, 0);
});

test('a job says whose its data is', async () => {
  await using server = await startServer('a 1\n');
  await using running = await startReceiver([jobOf(server, { tenant: 'team-a' })]);
  assert.equal((await running.intake.next()).tenant, 'team-a');
});
