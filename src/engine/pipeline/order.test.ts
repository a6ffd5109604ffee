import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withChunks } from '../../contract/batch.ts';
import type { Reach, Transform } from '../../contract/component.ts';
import { ACCEPTED } from '../../contract/outcome.ts';
import { batch, stand } from '../../../test/flow/ends.ts';
import { Pipeline, Step } from './pipeline.ts';

type Kind = Reach | 'everything';

const halve: Transform = (given) => withChunks(given, given.chunks, given.items / 2);

/** The order in which steps of these reaches do their work on a batch of 8, and what they count. */
async function run(kinds: readonly Kind[], transforms: Readonly<Record<string, Transform>> = {}) {
  const { context, numbers } = stand();
  const order: number[] = [];
  const steps = kinds.map((kind, index) => {
    const transform: Transform = (given) => {
      order.push(index);
      return (transforms[kind] ?? ((same) => same))(given);
    };
    const reach = kind === 'everything' ? undefined : kind;
    return new Step(transform, context, { pipeline: 'traces', processor: `p${index}`, reach });
  });
  let items = 0;
  const next = {
    consume: (given: { readonly items: number }) => {
      items = given.items;
      return Promise.resolve(ACCEPTED);
    },
  };
  await new Pipeline(steps, next).consume(batch({ items: 8 }));
  const counted = kinds.map((_, index) => [
    numbers.sum('processor_incoming_items', { processor: `p${index}` }),
    numbers.sum('processor_outgoing_items', { processor: `p${index}` }),
  ]);
  return { order, items, counted };
}

test('what changes resources alone waits for what drops items, and for nothing else', async () => {
  const f = async (kinds: readonly Kind[], expected: readonly number[]) =>
    assert.deepEqual((await run(kinds)).order, expected, kinds.join());
  await f(['resources', 'items'], [1, 0]);
  await f(['items', 'resources'], [0, 1]);
  await f(['resources', 'resources', 'items'], [2, 0, 1]);
  await f(['resources', 'items', 'resources', 'items'], [1, 3, 0, 2]);
  await f(['resources', 'items', 'resources', 'everything'], [1, 0, 2, 3]);
  await f(['resources', 'everything', 'items'], [0, 1, 2]);
  await f(['resources', 'items', 'everything'], [1, 0, 2]);
  await f(['resources', 'items', 'items'], [1, 2, 0]);
  await f(['resources'], [0]);
});

test('the books are kept in the configured order', async () => {
  const { items, counted } = await run(['resources', 'items', 'everything'], { items: halve });
  assert.equal(items, 4);
  assert.deepEqual(counted, [
    [8, 8],
    [8, 4],
    [4, 4],
  ]);
});

test('what waited has nothing to do when nothing is left', async () => {
  const { order, counted } = await run(['resources', 'items'], { items: () => undefined });
  assert.deepEqual(order, [1]);
  assert.deepEqual(counted, [
    [8, 8],
    [8, 0],
  ]);
});
