import { z } from 'zod';
import { duration, ignored, section } from '../../../contract/settings.ts';

const MIB = 1024 ** 2;
const DAY_MS = 24 * 3_600_000;

const count = () => z.number().int().min(0);

const rotation = section(
  z.strictObject({
    max_megabytes: z
      .number()
      .min(1)
      .default(100)
      .describe('Size in MiB at which a file is set aside and a new one begun.'),
    max_days: count().default(0).describe('Days after which a backup is deleted; 0 keeps it.'),
    max_backups: count().default(100).describe('How many backups are kept; 0 keeps all.'),
    localtime: z
      .boolean()
      .default(false)
      .describe('Whether the names of backups have local time instead of UTC.'),
  }),
);

const permissions = z
  .string()
  .regex(/^0?[0-7]{3}$/, { error: 'expected octal permissions such as 0755' });

/** Keys and defaults of the OpenTelemetry Collector's file exporter. */
export const settings = z
  .strictObject({
    path: z.string().min(1).describe('The file to write; shards after the first add their number.'),
    format: z
      .enum(['json', 'proto'])
      .default('json')
      .describe('OTLP JSON, one request per line, or protobuf with a length before each request.'),
    compression: z
      .enum(['', 'none', 'zstd'])
      .default('none')
      .describe('Compress each request by itself; a length stands before each, in json too.'),
    append: z
      .boolean()
      .default(false)
      .describe('Whether a file that is there when the program starts is kept.'),
    create_directory: z
      .boolean()
      .default(false)
      .describe('Whether to create the directory of the file when it is missing.'),
    directory_permissions: permissions
      .default('0755')
      .describe('Permissions of a directory that is created.'),
    rotation: rotation.optional().describe('Begin new files by size; off when absent.'),
    flush_interval: ignored(duration(), 'every batch is written before it counts as delivered'),
  })
  .transform((raw) => ({
    path: raw.path,
    format: raw.format,
    isCompressed: raw.compression === 'zstd',
    append: raw.append,
    createDirectory: raw.create_directory,
    directoryMode: Number.parseInt(raw.directory_permissions, 8),
    rotation: raw.rotation && {
      maxBytes: raw.rotation.max_megabytes * MIB,
      maxAgeMs: raw.rotation.max_days * DAY_MS,
      maxBackups: raw.rotation.max_backups,
      isLocalTime: raw.rotation.localtime,
    },
  }));

export type Config = z.output<typeof settings>;
