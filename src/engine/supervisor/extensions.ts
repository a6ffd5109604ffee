import type { Extension } from '../../contract/component.ts';
import type { ExtensionContext } from '../../contract/context.ts';
import type { Registry } from '../../contract/registry.ts';
import type { Config } from '../config/config.ts';

/** Creates the extensions that the service names, in their order. Starts none. */
export async function createExtensions(
  config: Config,
  registry: Registry,
  contextOf: (id: string) => ExtensionContext,
): Promise<Extension[]> {
  const extensions: Extension[] = [];
  for (const id of config.service.extensions) {
    const section = config.extensions[id];
    const load = section === undefined ? undefined : registry.extensions[section.type];
    if (section === undefined || load === undefined) {
      throw new Error(`bug: extension ${id} is in use, but not in the configuration`);
    }
    const { default: definition } = await load();
    extensions.push(definition.create(section.settings, contextOf(id)));
  }
  return extensions;
}
