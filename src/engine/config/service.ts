import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { Signal } from '../../contract/batch.ts';
import { byteSize, duration, retired, section } from '../../contract/settings.ts';
import type { PipelineConfig, ServiceConfig } from './config.ts';
import type { Findings } from './mistakes.ts';
import { suggestion } from './nearest.ts';
import { checkSection } from './schema/check.ts';
import {
  childOf,
  emptyMapping,
  isNothing,
  pathText,
  type Mapping,
  type Plain,
  type Tree,
} from './source/tree.ts';
import { telemetrySchema } from './telemetry.ts';

/** Signals a pipeline can carry, as their ids begin. */
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

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
      'Share of `max_bytes`, and of every sending queue, that one tenant may hold; 0.5 with tenancy.headers, 1 without, when not set.',
    ),
});

/** The `service` section without its pipelines, which are checked one by one. */
export const serviceSchema = z.strictObject({
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

/** A service with the pipelines that could be read. */
export interface ServiceParts {
  /** Undefined when something else than a pipeline is wrong. */
  readonly settings: Omit<ServiceConfig, 'pipelines' | 'extensions'> | undefined;
  /** Ids as written, whatever else is wrong. */
  readonly extensions: readonly string[];
  readonly pipelines: readonly PipelineConfig[];
  /** As written, expanded. */
  readonly value: Plain;
}

/** Reads the `service` section; everything wrong with it goes to `findings`. */
export function readService(root: Mapping, findings: Findings): ServiceParts {
  const tree = childOf(root, 'service') ?? emptyMapping(root.place);
  const isMapping = tree.kind === 'mapping';
  const rest = isMapping ? [...tree.entries].filter(([key]) => key !== 'pipelines') : [];
  const own = isMapping ? { ...tree, entries: new Map(rest) } : tree;
  const whole = { tree: own, path: ['service'], alsoKnown: ['pipelines'] };
  const checked = checkSection(serviceSchema, whole, findings);
  const found = readPipelines(childOf(tree, 'pipelines'), findings);
  return {
    settings: checked.output && serviceSettings(checked.output),
    extensions: z.object({ extensions: ids() }).safeParse(checked.value).data?.extensions ?? [],
    pipelines: found.pipelines,
    value: { ...(checked.value as object), pipelines: found.value },
  };
}

function serviceSettings(service: z.output<typeof serviceSchema>) {
  const { tenancy, admission } = service;
  return {
    shards: service.shards === 'auto' ? availableParallelism() : service.shards,
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

const PIPELINES = ['service', 'pipelines'];

function readPipelines(tree: Tree | undefined, findings: Findings) {
  const pipelines: PipelineConfig[] = [];
  const value: Record<string, Plain> = {};
  if (tree?.kind !== 'mapping' && !isNothing(tree)) {
    findings.error(tree.place, 'service.pipelines', 'expected a mapping of pipelines by id');
  }
  const entries = tree?.kind === 'mapping' ? tree.entries : new Map<string, Tree>();
  for (const [id, pipeline] of entries) {
    const path = [...PIPELINES, id];
    const signal = signalOf(id);
    if (signal === undefined || /\/\s*$/.test(id)) {
      const type = id.split('/')[0] ?? id;
      const problem =
        signal === undefined
          ? `"${type}" is no signal this build carries; ${suggestion(type, SIGNALS)}`
          : `"${id}" has no name behind the slash; write a name or remove it`;
      findings.error(pipeline.place, pathText(path), problem);
      continue;
    }
    const checked = checkSection(section(pipelineSchema), { tree: pipeline, path }, findings);
    value[id] = checked.value;
    if (checked.output === undefined) continue;
    const { best_effort: bestEffort, ...rest } = checked.output;
    pipelines.push({ id, signal, ...rest, bestEffort });
  }
  return { pipelines, value };
}

/** The signal of a pipeline's id; undefined when it names none. */
function signalOf(id: string): Signal | undefined {
  const type = id.split('/')[0]?.trim();
  return SIGNALS.find((signal) => signal === type);
}
