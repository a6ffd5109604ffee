import assert from 'node:assert/strict';
import { test } from 'node:test';
import { targetsAnswer, targetsPage } from './targets.ts';

const up = {
  discoveredLabels: { __address__: 'a:9100' },
  labels: { instance: 'a:9100', job: 'node' },
  scrapePool: 'node',
  scrapeUrl: 'http://a:9100/metrics',
  lastError: '',
  lastScrape: '2026-01-01T00:00:00Z',
  lastScrapeDuration: 0.01204567,
  health: 'up',
};
const down = { ...up, scrapeUrl: 'http://b:9100/metrics', health: 'down', lastError: '<refused>' };
const dropped = { discoveredLabels: { __address__: 'c' }, dropped: true };

test('targets are answered in the shape of Prometheus, the dropped ones apart', () => {
  assert.deepEqual(targetsAnswer({ rows: [up, dropped, down], silent: [] }), {
    status: 'success',
    data: {
      activeTargets: [up, down],
      droppedTargets: [{ discoveredLabels: { __address__: 'c' } }],
    },
  });
});

test('a shard that did not answer is said', () => {
  const answer = targetsAnswer({ rows: [], silent: [1] }) as { warnings: string[] };
  assert.match(answer.warnings[0] ?? '', /shards 1 did not answer/);
  assert.match(targetsPage({ rows: [], silent: [1] }), /shards 1 did not answer/);
});

test('the page lists targets by pool, with how many are up', () => {
  const page = targetsPage({ rows: [up, { ...up, scrapePool: 'db' }, down], silent: [] });
  assert.match(page, /<h2>node \(1 of 2 up\)<\/h2>/);
  assert.ok(page.indexOf('<h2>db ') < page.indexOf('<h2>node '));
  assert.match(page, /<td>12 ms<\/td>/);
});

test('what comes from outside is text on the page and nothing else', () => {
  const hostile = '"><script>alert(1)</script>';
  const page = targetsPage({
    rows: [
      { ...down, scrapePool: hostile, health: hostile, labels: { [hostile]: hostile } },
      { ...up, scrapeUrl: 'javascript:alert(1)' },
      { dropped: true, discoveredLabels: { a: hostile } },
      7,
    ],
    silent: [],
  });
  assert.ok(!page.includes('<script>'));
  assert.ok(!page.includes('href="javascript:'));
});

test('when nothing is scraped the page says so', () => {
  assert.match(targetsPage({ rows: [], silent: [] }), /Nothing is scraped/);
});
