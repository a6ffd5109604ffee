import { z } from 'zod';
import { duration, ignored, section } from '../../../contract/settings.ts';

const NO_FORCED_COLLECTION =
  'each shard collects garbage at intervals of its own while memory is above a limit';
const DEFAULT_SPIKE_SHARE = 0.2;

const mebibytes = z.number().int().min(0);
const percentage = z.number().int().min(0).max(100);

const raw = z.strictObject({
  check_interval: duration({ positive: true }).describe(
    'How often memory is measured; 1s suits most.',
  ),
  limit_mib: mebibytes
    .default(0)
    .describe('MiB the process may use. Takes precedence over limit_percentage.'),
  spike_limit_mib: mebibytes
    .default(0)
    .describe('MiB below the limit where refusing begins; a fifth of the limit when 0.'),
  limit_percentage: percentage
    .default(0)
    .describe('The limit as a share of the memory of the container or the machine.'),
  spike_limit_percentage: percentage
    .default(0)
    .describe('The spike limit as a share of the memory of the container or the machine.'),
  min_gc_interval_when_soft_limited: ignored(duration(), NO_FORCED_COLLECTION),
  min_gc_interval_when_hard_limited: ignored(duration(), NO_FORCED_COLLECTION),
  max_gc_interval_when_soft_limited: ignored(duration(), NO_FORCED_COLLECTION),
  max_gc_interval_when_hard_limited: ignored(duration(), NO_FORCED_COLLECTION),
});

/** Keys and defaults of the OpenTelemetry Collector's memory limiter. */
export const settings = section(
  raw
    .superRefine((given, context) => {
      const issue = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      const { limit_mib, limit_percentage, spike_limit_mib, spike_limit_percentage } = given;
      if (limit_mib === 0 && limit_percentage === 0) {
        issue('limit_mib', 'is required; or set limit_percentage');
      }
      if (limit_mib > 0 && spike_limit_mib >= limit_mib) {
        issue('spike_limit_mib', `must be less than limit_mib (${limit_mib})`);
      }
      if (limit_mib === 0 && limit_percentage > 0 && spike_limit_percentage >= limit_percentage) {
        issue('spike_limit_percentage', `must be less than limit_percentage (${limit_percentage})`);
      }
    })
    .transform((given) => {
      const { limit_mib, limit_percentage, spike_limit_mib, spike_limit_percentage } = given;
      return limit_mib > 0
        ? {
            checkIntervalMs: given.check_interval,
            unit: 'mib' as const,
            limit: limit_mib,
            spike: spike_limit_mib,
          }
        : {
            checkIntervalMs: given.check_interval,
            unit: 'percent' as const,
            limit: limit_percentage,
            spike: spike_limit_percentage,
          };
    }),
);

export type Config = z.output<typeof settings>;

/** The limits in bytes on a machine, or in a container, of `totalBytes`. */
export function limitsOf({ checkIntervalMs, unit, limit, spike }: Config, totalBytes: number) {
  const bytesPerUnit = unit === 'mib' ? 1024 ** 2 : totalBytes / 100;
  const hardBytes = Math.floor(limit * bytesPerUnit);
  const spikeBytes = Math.floor(spike > 0 ? spike * bytesPerUnit : hardBytes * DEFAULT_SPIKE_SHARE);
  return { checkIntervalMs, softBytes: hardBytes - spikeBytes, hardBytes };
}
