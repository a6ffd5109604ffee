import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Named, startAll, stopAll } from './lifecycle.ts';

function parts() {
  const events: string[] = [];
  const part = (name: string, faults: { start?: boolean; stop?: boolean } = {}): Named => {
    const act = (verb: 'start' | 'stop') => {
      events.push(`${verb} ${name}`);
      return faults[verb] === true ? Promise.reject(new Error('no')) : Promise.resolve();
    };
    return { name, part: { start: () => act('start'), stop: () => act('stop') } };
  };
  return { events, part };
}

test('groups start one after the other', async () => {
  const { events, part } = parts();
  await startAll([[part('a'), part('b')], [part('c')], [{ name: 'd', part: {} }]]);
  assert.deepEqual(events, ['start a', 'start b', 'start c']);
});

test('a start that fails stops what began, and says what failed', async () => {
  const { events, part } = parts();
  const groups = [[part('a')], [part('b', { start: true })], [part('c')]];
  await assert.rejects(startAll(groups), /cannot start b: no/);
  assert.deepEqual(events, ['start a', 'start b', 'stop b', 'stop a']);
});

test('all are stopped, whatever one says', async () => {
  const { events, part } = parts();
  const groups = [[part('a', { stop: true })], [part('b'), part('c', { stop: true })], [part('d')]];
  await assert.rejects(
    stopAll(groups, new AbortController().signal),
    /cannot stop a in order: no; cannot stop c in order: no/,
  );
  assert.deepEqual(events, ['stop a', 'stop b', 'stop c', 'stop d']);
});
