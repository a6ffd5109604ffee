import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../contract/context.ts';
import { Log, type LogOptions } from './logger.ts';

/** A clock moved by hand. */
class HandClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  get waiting(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.callback();
  }
}

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = new HandClock();
  const write = (line: string) => {
    lines.push(line);
  };
  const log = new Log({ level: 'info', encoding: 'json', clock, write, ...options });
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, clock, parsed };
}

test('a line of JSON has the level, the time, the component and the fields', () => {
  const { log, lines } = logged({ shard: 2 });
  log.logger('exporters/otlp_http/eu').warn('cannot deliver', { attempt: 3 });
  assert.equal(
    lines[0],
    '{"level":"warn","ts":"2026-01-01T00:00:00.000Z","shard":2,' +
      '"component":"exporters/otlp_http/eu","attempt":3,"msg":"cannot deliver"}\n',
  );
});

test('a line for the console is tab-separated with the fields last', () => {
  const { log, lines } = logged({ encoding: 'console' });
  log.logger('receivers/otlp').info('listening', { address: '[::]:4317' });
  assert.equal(
    lines[0],
    '2026-01-01T00:00:00.000Z\tinfo\tlistening\t' +
      '{"component":"receivers/otlp","address":"[::]:4317"}\n',
  );
});

test('a message cannot forge a line of the console', () => {
  const { log, lines } = logged({ encoding: 'console' });
  log.logger('x').warn('bad\n2026\terror\tforged\u001b[31m');
  assert.match(lines[0] ?? '', /\twarn\tbad 2026 error forged \[31m\t\{/);
});

test('lines below the level are not written, and the level can change', () => {
  const { log, lines } = logged();
  const logger = log.logger('x');
  logger.debug('one');
  log.setLevel('debug');
  logger.debug('two');
  log.setLevel('error');
  logger.warn('three');
  assert.equal(lines.length, 1);
});

test('the same warning of the same component is written once in 5 s, then with the count', () => {
  const { log, parsed, clock } = logged();
  const [eu, us] = [log.logger('exporters/eu'), log.logger('exporters/us')];
  for (let attempt = 0; attempt < 100; attempt += 1) eu.warn('cannot deliver', { attempt });
  us.warn('cannot deliver');
  assert.equal(parsed().length, 2);
  clock.advance(4800);
  eu.warn('cannot deliver');
  assert.equal(parsed().length, 2);
  clock.advance(200);
  const count = parsed().find((line) => line['suppressed'] !== undefined);
  assert.equal(count?.['suppressed'], 100);
  assert.equal(count?.['component'], 'exporters/eu');
});

test('a warning that goes on is written every 5 s and every count is told once', () => {
  const { log, parsed, clock } = logged();
  const logger = log.logger('x');
  for (let second = 0; second < 60; second += 1) {
    for (let each = 0; each < 10; each += 1) logger.error('boom');
    clock.advance(1000);
  }
  log.flush();
  const lines = parsed();
  assert(lines.length <= 26, `${lines.length} lines`);
  const said = lines.filter((line) => line['msg'] === 'boom').length;
  const counted = lines.reduce((sum, line) => sum + Number(line['suppressed'] ?? 0), 0);
  assert.equal(said + counted, 600);
});

test('what another throttle lets through every 5 s is not throttled again', () => {
  const { log, lines, clock } = logged();
  const logger = log.logger('exporters/eu');
  for (let period = 0; period < 3; period += 1) {
    for (const signal of ['traces', 'logs']) logger.warn('dropped items', { signal, items: 7 });
    clock.advance(4999.5);
  }
  assert.equal(lines.length, 6);
});

test('news with other fields is other news', () => {
  const { log, lines } = logged();
  const logger = log.logger('receivers/otlp');
  for (const port of [4317, 4318, 4318]) logger.info('listening', { port });
  assert.equal(lines.length, 2);
});

test('flush writes what was kept back and leaves no timer', () => {
  const { log, parsed, clock } = logged();
  const logger = log.logger('x');
  for (const items of [1, 2, 3]) logger.warn('boom', { items });
  log.flush();
  assert.deepEqual(
    parsed().map((line) => [line['msg'], line['items'], line['suppressed']]),
    [
      ['boom', 1, undefined],
      ['repeated: boom', 3, 2],
    ],
  );
  assert.equal(clock.waiting, 0);
});

test('messages that never repeat are not remembered for ever', () => {
  const { log, lines, clock } = logged();
  const logger = log.logger('x');
  logger.warn('first');
  logger.warn('first');
  for (let index = 0; index < 2000; index += 1) logger.warn(`message ${index}`);
  assert.equal(lines.length, 2002);
  clock.advance(60_000);
  assert.equal(clock.waiting, 0);
});

test('secrets, credentials in URLs and bytes are never written', () => {
  const { log, lines } = logged();
  log.logger('x').error('cannot reach https://user:hunter2@host/', {
    authorization: 'Bearer hunter2',
    headers: { 'x-api-key': 'hunter2', 'set-cookie': 'hunter2' },
    endpoint: 'http://:hunter2@host',
    body: Buffer.from('hunter2'),
    error: new Error('no: redis://user:hunter2@host', { cause: { password: 'hunter2' } }),
  });
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0] ?? '', /hunter2/);
  assert.match(lines[0] ?? '', /\[7 bytes\]/);
});

test('an odd field costs its own text and nothing else', () => {
  const { log, parsed } = logged();
  const circular: Record<string, unknown> = { big: 10n, nothing: null, none: undefined };
  circular['self'] = circular;
  log.logger('x').info('odd', {
    circular,
    nan: Number.NaN,
    call: () => 1,
    long: 'x'.repeat(5000),
    at: new Date(Number.NaN),
  });
  const [line] = parsed();
  assert.equal(line?.['nan'], 'NaN');
  assert.equal(line?.['call'], '[function]');
  assert.equal(String(line?.['long']).length, 1025);
});
