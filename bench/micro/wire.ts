import { Bench } from 'tinybench';
import { encodeValue } from '../../src/formats/otlp/any-value.ts';
import { editItemAttributes, editResourceAttributes } from '../../src/formats/otlp/edit.ts';
import { filterItems } from '../../src/formats/otlp/filter.ts';
import { splitRequest } from '../../src/formats/otlp/split.ts';
import { ROOTS, TABLE, validateRequest } from '../../src/formats/otlp/validate.ts';
import { countItems } from '../../src/formats/otlp/walk.ts';
import { ReferenceChecker } from '../../src/wire/checker.ts';
import { sampleLogs, sampleTraces } from './requests.ts';

/** What reading and editing a request on the wire costs. Each line is one whole request. */
export function wireBench(timeMs = 500): Bench {
  const traces = sampleTraces({ items: 512 });
  const few = sampleTraces({ items: 10, resources: 1 });
  const logs = sampleLogs({ items: 512 });
  const reference = new ReferenceChecker(TABLE);
  const key = Buffer.from('tenant');
  const value = encodeValue({ kind: 'string', value: 'blue' });
  let turn = 0;
  return new Bench({ name: 'wire', time: timeMs })
    .add('copy of 512 spans', () => void traces.slice())
    .add('validate 512 spans', () => void validateRequest('traces', traces))
    .add('validate 512 log records', () => void validateRequest('logs', logs))
    .add('validate 10 spans', () => void validateRequest('traces', few))
    .add('validate 512 spans in TypeScript', () => void reference.check(ROOTS.traces, traces))
    .add('count 512 spans', () => void countItems('traces', traces))
    .add('set a resource attribute, 512 spans', () => {
      editResourceAttributes(traces, (attributes) => attributes.set(key, value));
    })
    .add('set a resource attribute, 10 spans', () => {
      editResourceAttributes(few, (attributes) => attributes.set(key, value));
    })
    .add('set a span attribute, 512 spans', () => {
      editItemAttributes('traces', traces, (attributes) => attributes.set(key, value));
    })
    .add('keep half of 512 spans', () => void filterItems('traces', traces, () => ++turn % 2 === 0))
    .add('split 512 spans by 100', () => {
      splitRequest('traces', traces, { maxItems: 100, maxBytes: 0 });
    });
}
