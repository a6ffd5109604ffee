import { LRUCache } from 'lru-cache';
import { Writer } from '../../../wire/writer.ts';
import { keyOf, type Pair, type ResourceIdentity, writeAttributes } from './identity.ts';

const MAX_TARGETS = 1000;
const MAX_BYTES = 8 * 1024 * 1024;
const ENTRY_BYTES = 200;
const ATTRIBUTES = 1;

/**
 * What `target_info` says about targets, by tenant. It may come in another request than the
 * series of the target, so the last is kept of as many targets as there is room for.
 */
export class Targets {
  readonly #known = new LRUCache<string, readonly Pair[]>({
    max: MAX_TARGETS,
    maxSize: MAX_BYTES,
    sizeCalculation: (pairs) => ENTRY_BYTES + 2 * pairs.flat().join('').length,
  });

  /** Takes in the labels of a `target_info`; `undefined`: it has gone stale. */
  learn(tenant: string, { key }: ResourceIdentity, labels: readonly Pair[] | undefined): void {
    const at = keyOf([tenant]) + key;
    if (labels === undefined) this.#known.delete(at);
    else this.#known.set(at, labels);
  }

  /** The Resource of a target, encoded: what its labels say, and what its `target_info` said. */
  resourceOf(tenant: string, identity: ResourceIdentity): Uint8Array {
    const { job, instance, key } = identity;
    const own: Pair[] = [];
    const [namespace, name, more] = job.split('/');
    const isPair = name !== undefined && more === undefined && namespace !== '' && name !== '';
    if (isPair) own.push(['service.namespace', namespace ?? ''], ['service.name', name]);
    else if (job !== '') own.push(['service.name', job]);
    if (instance !== '') own.push(['service.instance.id', instance]);
    const said = this.#known.get(keyOf([tenant]) + key) ?? [];
    const names = new Set(own.map(([each]) => each));
    const writer = new Writer();
    writeAttributes(writer, own, ATTRIBUTES);
    writeAttributes(
      writer,
      said.filter(([each]) => !names.has(each)),
      ATTRIBUTES,
    );
    return writer.finish();
  }
}
