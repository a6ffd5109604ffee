import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signal } from '../../contract/batch.ts';
import { WireError } from '../../wire/error.ts';
import { Writer } from '../../wire/writer.ts';
import { validateRequest } from './validate.ts';
import { countItems, numberOf } from './walk.ts';

/** A request of one record, which `write` fills in. */
function requestOf(write: (record: Writer) => void): Uint8Array {
  const writer = new Writer().open(1).open(2).open(2);
  write(writer);
  return writer.close().close().close().finish();
}

function refused(signal: Signal, write: (record: Writer) => void, fault: string): void {
  assert.throws(
    () => validateRequest(signal, requestOf(write)),
    (error) => error instanceof WireError && error.fault === fault,
  );
}

test('OTLP-S3: an empty request is valid and holds nothing', () => {
  for (const signal of ['traces', 'metrics', 'logs'] as const)
    assert.deepEqual(validateRequest(signal, new Uint8Array(0)), { items: 0, badPoints: 0 });
});

test('OTLP-S7: unknown fields are accepted at every level', () => {
  const bytes = requestOf((record) => record.uint(100, 1).bytes(2000, Uint8Array.of(255)));
  assert.equal(validateRequest('traces', bytes).items, 1);
  const outside = new Writer().raw(bytes).fixed64(7, 1n).finish();
  assert.equal(validateRequest('traces', outside).items, 1);
  assert.equal(countItems('traces', outside), 1);
});

test('OTLP-S8: a value with nothing set, and values within values, are accepted', () => {
  const bytes = requestOf((record) => {
    record.open(6).string(1, 'empty').open(2).close().close();
    record.open(5).open(6).open(1).string(1, 'inner').open(2).open(5).open(1).close();
    record.open(1).uint(2, 1).close().close().close().close().close().close();
  });
  assert.equal(validateRequest('logs', bytes).items, 1);
});

test('OTLP-S9: string indexes of the profiles signal count as unknown fields', () => {
  const bytes = requestOf((record) => {
    record.open(6).uint(3, 5).open(2).uint(8, 7).close().close();
  });
  assert.equal(validateRequest('logs', bytes).items, 1);
});

test('OTLP-S24: ids of a wrong length and strings that are not UTF-8 are refused', () => {
  const short = new Uint8Array(7);
  for (const number of [1, 2, 4])
    refused('traces', (record) => record.bytes(number, short), 'bad id length');
  refused('traces', (record) => record.open(13).bytes(1, short).close(), 'bad id length');
  refused('logs', (record) => record.bytes(9, short), 'bad id length');
  refused('logs', (record) => record.bytes(10, short), 'bad id length');
  const exemplar = (number: number) => (record: Writer) =>
    record.open(5).open(1).open(5).bytes(number, short).close().close().close();
  refused('metrics', exemplar(4), 'bad id length');
  refused('metrics', exemplar(5), 'bad id length');
  refused('traces', (record) => record.bytes(5, Uint8Array.of(0xc3)), 'invalid utf-8');
  refused('logs', (record) => record.string(1, 'not a time'), 'wrong wire type');
});

test('OTLP-S10: data points without a time or a value are counted', () => {
  const point = (metric: number, write: (point: Writer) => void) => {
    const bytes = requestOf((record) => {
      write(record.open(metric).open(1));
      record.close().close();
    });
    assert.equal(countItems('metrics', bytes), 1);
    return validateRequest('metrics', bytes);
  };
  const bad = { items: 1, badPoints: 1 };
  const good = { items: 1, badPoints: 0 };
  assert.deepEqual(
    point(5, (to) => to.fixed64(3, 1n)),
    bad,
  );
  assert.deepEqual(
    point(5, (to) => to.fixed64(6, 0n)),
    bad,
  );
  assert.deepEqual(
    point(7, (to) => to.fixed64(3, 1n).fixed64(6, 0n)),
    good,
  );
  assert.deepEqual(
    point(7, (to) => to.fixed64(3, 1n).uint(8, 1)),
    good,
  );
  for (const metric of [9, 10, 11]) {
    assert.deepEqual(
      point(metric, (to) => to.fixed64(3, 1n)),
      good,
    );
    assert.deepEqual(
      point(metric, (to) => to.fixed64(3, 0n)),
      bad,
    );
  }
});

test('a field that does not exist is a bug', () => {
  assert.throws(() => numberOf('Span', 'colour'), /bug: Span has no field colour/);
});
