import { z } from 'zod';
import { ignored, section } from '../../../contract/settings.ts';

const NO_QUEUE = 'nothing waits here: a batch is written when it arrives';

/** Keys and defaults of the OpenTelemetry Collector's debug exporter. */
export const settings = section(
  z
    .strictObject({
      verbosity: z
        .enum(['basic', 'normal', 'detailed'])
        .default('basic')
        .describe('One line per batch, one per item, or every field of every item.'),
      sampling_initial: z
        .number()
        .int()
        .min(0)
        .default(2)
        .describe('How many batches of each second are written in any case.'),
      sampling_thereafter: z
        .number()
        .int()
        .min(0)
        .default(1)
        .describe('Of the others in that second every n-th is written; 1 writes all, 0 none.'),
      output_paths: z
        .array(z.string().min(1))
        .min(1)
        .default(['stdout'])
        .describe('Where to write: stdout, stderr, or paths of files to append to.'),
      use_internal_logger: ignored(
        z.boolean(),
        'telemetry is written to output_paths and never to the log of the program',
      ),
      sending_queue: ignored(z.looseObject({}), NO_QUEUE),
    })
    .transform((raw) => ({
      verbosity: raw.verbosity,
      samplingInitial: raw.sampling_initial,
      samplingThereafter: raw.sampling_thereafter,
      outputPaths: raw.output_paths,
    })),
);

export type Config = z.output<typeof settings>;
