import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, withChunks } from '../../contract/batch.ts';
import type { Transform } from '../../contract/component.ts';
import { ACCEPTED } from '../../contract/outcome.ts';
import { WireError } from '../../wire/error.ts';
import { batch, stand } from '../../../test/flow/ends.ts';
import { Pipeline, Step } from './pipeline.ts';

function open(transforms: Readonly<Record<string, Transform>>) {
  const { context, numbers, lines } = stand();
  const taken: Batch[] = [];
  const steps = Object.entries(transforms).map(
    ([processor, transform]) => new Step(transform, context, { pipeline: 'traces', processor }),
  );
  const pipeline = new Pipeline(steps, {
    consume: (given) => {
      taken.push(given);
      return Promise.resolve(ACCEPTED);
    },
  });
  return { pipeline, numbers, lines, taken };
}

const halve: Transform = (given) => withChunks(given, given.chunks, given.items / 2);

test('transforms run in order, and each is counted', async () => {
  const { pipeline, taken, numbers } = open({ same: (given) => given, halve });
  await pipeline.consume(batch({ items: 8 }));
  assert.deepEqual(
    taken.map((each) => each.items),
    [4],
  );
  const f = (processor: string) => [
    numbers.sum('processor_incoming_items', { processor }),
    numbers.sum('processor_outgoing_items', { processor }),
    numbers.sum('pipeline_dropped_items', { processor, reason: 'filtered' }),
  ];
  assert.deepEqual(
    [f('same'), f('halve')],
    [
      [8, 8, 0],
      [8, 4, 4],
    ],
  );
});

test('when nothing is left, the client hears success and nothing goes on', async () => {
  const { pipeline, taken, numbers } = open({ none: () => undefined, halve });
  assert.equal(await pipeline.consume(batch({ items: 8 })), ACCEPTED);
  assert.deepEqual([taken.length, numbers.sum('pipeline_dropped_items')], [0, 8]);
  assert.equal(numbers.sum('processor_incoming_items', { processor: 'halve' }), 0);
});

test('a processor says why it drops, and the books say it too', async () => {
  const { context, numbers } = stand();
  const names = { pipeline: 'traces', processor: 'halve', dropReason: 'sampled' };
  new Step(halve, context, names).apply(batch({ items: 8 }));
  assert.equal(numbers.sum('pipeline_dropped_items', { reason: 'sampled' }), 4);
  assert.equal(numbers.sum('pipeline_dropped_items', { reason: 'filtered' }), 0);
});

test('items are counted with the reason a transform gives, the others as filtered', async () => {
  const { pipeline, taken, numbers } = open({
    picky: (given, drop) => {
      drop?.('relabel', 3);
      drop?.('missing_name', 0);
      return withChunks(given, given.chunks, 4);
    },
  });
  await pipeline.consume(batch({ items: 8 }));
  assert.equal(taken[0]?.items, 4);
  const f = (reason: string) => numbers.sum('pipeline_dropped_items', { reason });
  assert.deepEqual([f('relabel'), f('filtered'), f('missing_name')], [3, 1, 0]);
});

test('bytes a transform cannot read are refused alone', async () => {
  let broken = true;
  const { pipeline, taken, numbers } = open({
    strict: (given) => {
      if (broken) throw new WireError('truncated', 3);
      return given;
    },
  });
  const outcome = await pipeline.consume(batch({ items: 8 }));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'invalid');
  assert.equal(numbers.sum('pipeline_dropped_items', { reason: 'malformed' }), 8);
  broken = false;
  assert.equal(await pipeline.consume(batch({ items: 2 })), ACCEPTED);
  assert.equal(taken.length, 1);
});

test('a bug in a transform refuses the batch, is counted, and is in the log with its stack', async () => {
  const { pipeline, numbers, lines } = open({
    broken: () => {
      throw new TypeError('x is not a function');
    },
  });
  const outcome = await pipeline.consume(batch({ items: 8 }));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'internal');
  assert.equal(numbers.sum('pipeline_dropped_items', { reason: 'processor_bug' }), 8);
  assert.match(String(lines[0]?.fields['stack']), /x is not a function/);
});
