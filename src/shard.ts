import { runShard } from './engine/generation/shard-host.ts';
import { registry } from './registry.ts';

await runShard(registry);
