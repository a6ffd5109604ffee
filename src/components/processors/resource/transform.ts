import { withChunks } from '../../../contract/batch.ts';
import type { Transform } from '../../../contract/component.ts';
import { AttributeActions } from '../../../formats/otlp/actions/actions.ts';
import { type EditAttributes, editResourceAttributes } from '../../../formats/otlp/edit.ts';
import type { Config } from './settings.ts';

/**
 * Changes the attributes of every resource of a batch. Nothing below the resources is looked at:
 * what a request costs is one copy, and none at all when nothing changes.
 */
export function createTransform(config: Config): Transform {
  const actions = new AttributeActions(config.attributes);
  const edit: EditAttributes = (attributes) => actions.apply(attributes);
  return (batch) => {
    actions.begin(batch.origin);
    const chunks = batch.chunks.map((chunk) => editResourceAttributes(chunk, edit));
    const changed = chunks.some((chunk, index) => chunk !== batch.chunks[index]);
    return changed ? withChunks(batch, chunks, batch.items) : batch;
  };
}
