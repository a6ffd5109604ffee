import { type Signal, withChunks } from '../../../contract/batch.ts';
import type { Transform } from '../../../contract/component.ts';
import { AttributeActions } from '../../../formats/otlp/actions/actions.ts';
import { type EditAttributes, editItemAttributes } from '../../../formats/otlp/edit.ts';
import { Matcher } from './matcher.ts';
import type { Config } from './settings.ts';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

/**
 * Changes the attributes of every span, data point and log record that is included and not
 * excluded. A request in which nothing changes is handed on untouched.
 */
export function createTransform(config: Config): Transform {
  const actions = new AttributeActions(config.actions);
  const include = config.include && new Matcher(config.include);
  const exclude = config.exclude && new Matcher(config.exclude);
  const editOf = (signal: Signal): EditAttributes => {
    if (include === undefined && exclude === undefined) {
      return (attributes) => actions.apply(attributes);
    }
    return (attributes, walk) => {
      if (include !== undefined && !include.matches(signal, attributes, walk)) return;
      if (exclude?.matches(signal, attributes, walk) === true) return;
      actions.apply(attributes);
    };
  };
  const edits = new Map(SIGNALS.map((signal) => [signal, editOf(signal)]));
  return (batch) => {
    const { signal, origin } = batch;
    const edit = edits.get(signal);
    if (edit === undefined) return batch;
    actions.begin(origin);
    const chunks = batch.chunks.map((chunk) => {
      include?.begin(chunk);
      exclude?.begin(chunk);
      return editItemAttributes(signal, chunk, edit);
    });
    const changed = chunks.some((chunk, index) => chunk !== batch.chunks[index]);
    return changed ? withChunks(batch, chunks, batch.items) : batch;
  };
}
