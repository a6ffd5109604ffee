import { z } from 'zod';
import { section } from '../../../contract/settings.ts';

/** Nothing can be set. */
export const settings = section(z.strictObject({}));

export type Config = z.output<typeof settings>;
