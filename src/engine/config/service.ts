import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { Signal } from '../../contract/batch.ts';
import { byteSize, duration, retired, section } from '../../contract/settings.ts';
import type { PipelineConfig, ServiceConfig } from './config.ts';
import { telemetrySchema } from './telemetry.ts';

/** Signals a pipeline can carry, as their ids begin. */
export const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

const ids = () => z.array(z.string());

/** A pipeline as written. */
export const pipelineSchema = z.strictObject({
  receivers: ids().default([]).describe('Where the data comes from.'),
  processors: ids().default([]).describe('What is done to it, in this order.'),
  exporters: ids().default([]).describe('Where it goes: all of it to each.'),
  best_effort: ids()
    .default([])
    .describe('Those of `exporters` that never hold up or fail a request.'),
  acknowledge: z
    .enum(['queued', 'delivered'])
    .default('queued')
    .describe(
      'When the client hears success: with the data in the queue of every required exporter, or delivered by all of them.',
    ),
});

const tenancySchema = z.strictObject({
  headers: z
    .array(z.string().min(1))
    .default([])
    .describe('Request headers asked in order; the first that is present names the tenant.'),
  default: z.string().min(1).default('default').describe('Tenant of requests that name none.'),
  required: z
    .boolean()
    .default(false)
    .describe('Whether requests that name no tenant are refused instead.'),
});

const admissionSchema = z.strictObject({
  max_bytes: byteSize()
    .prefault(0)
    .describe(
      'Bytes of requests and memory queues in all shards together; 0 derives it from the memory.',
    ),
  tenant_share: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe(
      'Share of `max_bytes` that one tenant may hold; 0.5 with tenancy.headers, 1 without, when not set.',
    ),
});

/** The `service` section. */
export const serviceSchema = z.strictObject({
  pipelines: z
    .record(z.string(), section(pipelineSchema), { error: 'expected a mapping of pipelines' })
    .default({})
    .describe('Pipelines by id: a signal, or a signal and a name as in `traces/eu`.'),
  extensions: ids().default([]).describe('Extensions to run.'),
  telemetry: section(telemetrySchema).prefault({}).describe('What the program says about itself.'),
  shards: z
    .union([z.literal('auto'), z.int().min(1).max(1024)], {
      error: 'expected auto or a whole number from 1 to 1024',
    })
    .default('auto')
    .describe('Number of threads that carry telemetry; auto is one for each usable core.'),
  tenancy: section(tenancySchema).prefault({}).describe('Whose data a request is.'),
  admission: section(admissionSchema).prefault({}).describe('How much may be under way.'),
  shutdown_timeout: duration()
    .prefault('25s')
    .describe('How long a stop may take before what is left is reported and dropped.'),
  middlewares: retired('middlewares are not part of Millrace; remove it'),
});

/** The service as the program reads it, without pipelines whose id names no signal. */
export function serviceConfig(service: z.output<typeof serviceSchema>): ServiceConfig {
  const { tenancy, admission } = service;
  return {
    shards: service.shards === 'auto' ? availableParallelism() : service.shards,
    extensions: service.extensions,
    pipelines: pipelineConfigs(service.pipelines),
    tenancy: {
      headers: tenancy.headers.map((name) => name.toLowerCase()),
      default: tenancy.required ? undefined : tenancy.default,
    },
    admission: {
      maxBytes: admission.max_bytes,
      tenantShare: admission.tenant_share ?? (tenancy.headers.length > 0 ? 0.5 : 1),
    },
    telemetry: service.telemetry,
    shutdownTimeoutMs: service.shutdown_timeout,
  };
}

function pipelineConfigs(
  pipelines: z.output<typeof serviceSchema>['pipelines'],
): ServiceConfig['pipelines'] {
  const configs: Record<string, PipelineConfig> = {};
  for (const [id, pipeline] of Object.entries(pipelines)) {
    const signal = signalOf(id);
    if (signal === undefined) continue;
    const { receivers, processors, exporters, best_effort: bestEffort, acknowledge } = pipeline;
    configs[id] = { id, signal, receivers, processors, exporters, bestEffort, acknowledge };
  }
  return configs;
}

/** The signal of a pipeline's id; undefined when it names none. */
export function signalOf(id: string): Signal | undefined {
  const type = id.split('/')[0]?.trim();
  return SIGNALS.find((signal) => signal === type);
}
