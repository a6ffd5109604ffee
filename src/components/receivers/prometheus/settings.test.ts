import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrometheusDuration, parsePrometheusDuration } from './config/units.ts';
import { nextScrape, scrapeTime } from './scraping/schedule.ts';
import { settings } from './settings.ts';

function parse(job: object, global: object = {}) {
  const scrape = { job_name: 'a', ...job };
  const [parsed] = settings.parse({ config: { global, scrape_configs: [scrape] } }).jobs;
  return parsed!;
}

function mistakes(section: object): string[] {
  const parsed = settings.safeParse(section);
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('a job has the defaults of Prometheus, and what global says stands in for them', () => {
  const { intervalMs, timeoutMs, path, scheme, honorTimestamps } = parse({});
  assert.deepEqual(
    [intervalMs, timeoutMs, path, scheme, honorTimestamps],
    [60_000, 10_000, '/metrics', 'http', true],
  );
  const short = parse({ scrape_interval: '5s' });
  assert.deepEqual([short.intervalMs, short.timeoutMs], [5000, 5000]);
  const shared = parse(
    { sample_limit: 5 },
    { scrape_interval: '1m30s', sample_limit: 9, label_limit: 7 },
  );
  assert.deepEqual(
    [shared.intervalMs, shared.limits.samples, shared.limits.labels],
    [90_000, 5, 7],
  );
});

test('what is not supported, not known or contradicts itself is a mistake that names its key', () => {
  const f = (job: object, expected: RegExp, global: object = {}) => {
    const found = mistakes({ config: { global, scrape_configs: [{ job_name: 'a', ...job }] } });
    assert.ok(
      found.some((each) => expected.test(each)),
      `${found.join('; ')} has ${expected}`,
    );
  };
  f(
    { kubernetes_sd_configs: [{}] },
    /^config\.scrape_configs\.0\.kubernetes_sd_configs: .*file_sd_configs/,
  );
  f({ nonsense: 1 }, /nonsense/);
  f({ scrape_interval: '10' }, /scrape_interval: .*no duration/);
  f({ scrape_interval: '5s', scrape_timeout: '6s' }, /scrape_configs\.0\.scrape_timeout: .*longer/);
  f({ relabel_configs: [{ regex: '(', target_label: 'a' }] }, /relabel_configs\.0\.regex: /);
  f({ metric_relabel_configs: [{ action: 'nothing' }] }, /metric_relabel_configs\.0\.action/);
  f({ basic_auth: {}, authorization: {} }, /authorization: .*exclude each other/);
  f({ basic_auth: { password: 'a', password_file: 'b' } }, /password_file: .*exclude/);
  f({ file_sd_configs: [{ files: ['a.txt'] }] }, /files\.0: must end in/);
  f(
    { static_configs: [{ targets: ['a'], labels: { 'a-b': 'c' } }] },
    /cannot be the name of a label/,
  );
  f({}, /query_log_file/, { query_log_file: 'a' });
  const twice = { config: { scrape_configs: [{ job_name: 'a' }, { job_name: 'a' }] } };
  assert.match(mistakes(twice).join(), /scrape_configs\.1\.job_name: .*another job/);
  assert.match(mistakes({ target_allocator: {} }).join('; '), /target_allocator: .*not supported/);
});

test('durations are those of Prometheus, both ways', () => {
  for (const text of ['0s', '15s', '1m30s', '1h', '1d12h', '1w', '100ms', '1y']) {
    assert.equal(formatPrometheusDuration(parsePrometheusDuration(text)!), text);
  }
  for (const text of ['', '1', '1s1m', '-1s', '1.5s'])
    assert.equal(parsePrometheusDuration(text), undefined);
});

test('sizes are those of Prometheus, where a megabyte is 1024 kilobytes', () => {
  assert.equal(parse({ body_size_limit: '10MB' }).bodyLimit, 10 * 1024 * 1024);
  assert.equal(parse({ body_size_limit: 0 }).bodyLimit, 0);
});

test('a target is scraped at its own moment of every interval, and late scrapes say when they began', () => {
  const now = 1_760_000_000_000;
  const due = nextScrape(now, 15_000, 0.5);
  assert.equal((due - 7500) % 15_000, 0);
  assert.ok(due >= now && due < now + 15_000);
  assert.equal(nextScrape(due + 1, 15_000, 0.5), due + 15_000);
  assert.deepEqual(
    [scrapeTime(due, due + 1.5, 15_000), scrapeTime(due, due + 3.5, 15_000)],
    [due, due + 3],
  );
});
