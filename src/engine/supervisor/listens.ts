import type { Registry } from '../../contract/registry.ts';
import type { Config } from '../config/config.ts';
import { receiversInUse } from '../generation/generation.ts';
import type { ProbedAddress } from './probe.ts';

/** All addresses that the receivers in use will bind. */
export async function findListens(
  config: Config,
  registry: Registry,
): Promise<readonly ProbedAddress[]> {
  const found: ProbedAddress[] = [];
  for (const id of receiversInUse(config)) {
    const section = config.receivers[id];
    const load = section === undefined ? undefined : registry.receivers[section.type];
    if (section === undefined || load === undefined) continue;
    const { default: definition } = await load();
    for (const listen of definition.listens?.(section.settings) ?? []) {
      found.push({ receiver: id, ...listen });
    }
  }
  return found;
}
