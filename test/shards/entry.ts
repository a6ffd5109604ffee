import { runShard } from '../../src/engine/generation/shard-host.ts';
import { boxRegistry } from './boxes.ts';

await runShard(boxRegistry);
