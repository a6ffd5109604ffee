import { z } from 'zod';
import { actionsSettings } from '../../../formats/otlp/actions/settings.ts';

/** Keys of the OpenTelemetry Collector's resource processor. */
export const settings = z.strictObject({
  attributes: actionsSettings().describe('What to do with the attributes of resources, in order.'),
});

export type Config = z.output<typeof settings>;
