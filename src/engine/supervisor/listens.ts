import type { Registry } from '../../contract/registry.ts';
import type { Config } from '../config/config.ts';
import { receiversInUse } from '../generation/generation.ts';
import type { ProbedAddress } from './probe.ts';

/** All addresses that the receivers and exporters in use will bind. */
export async function findListens(
  config: Config,
  registry: Registry,
): Promise<readonly ProbedAddress[]> {
  const { pipelines } = config.service;
  const exporters = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.exporters));
  return [
    ...(await listensOf('receivers', receiversInUse(config), { config, registry })),
    ...(await listensOf('exporters', exporters, { config, registry })),
  ];
}

async function listensOf(
  kind: 'receivers' | 'exporters',
  ids: Iterable<string>,
  { config, registry }: { readonly config: Config; readonly registry: Registry },
): Promise<readonly ProbedAddress[]> {
  const found: ProbedAddress[] = [];
  for (const id of ids) {
    const section = config[kind][id];
    const load = section === undefined ? undefined : registry[kind][section.type];
    if (section === undefined || load === undefined) continue;
    const { default: definition } = await load();
    const owner = `${kind.slice(0, -1)} ${id}`;
    for (const listen of definition.listens?.(section.settings) ?? []) {
      found.push({ owner, ...listen });
    }
  }
  return found;
}
