import type { Outcome } from '../../contract/outcome.ts';
import type { Crossing, ExchangedPart } from '../pipeline/exchange.ts';
import type { Mesh } from './mesh.ts';

/** Moves parts of batches to the shards that own them. */
export class MeshCrossing implements Crossing {
  readonly here: number;
  readonly #mesh: Mesh;

  constructor(here: number, mesh: Mesh) {
    this.here = here;
    this.#mesh = mesh;
  }

  reaches(owner: number): boolean {
    return this.#mesh.link(owner)?.open === true;
  }

  async give(owner: number, part: ExchangedPart): Promise<Outcome | undefined> {
    const buffers = new Set(part.batch.chunks.map(({ buffer }) => buffer));
    const link = this.#mesh.link(owner);
    return (await link?.call({ kind: 'part', part }, [...buffers])) as Outcome | undefined;
  }
}
