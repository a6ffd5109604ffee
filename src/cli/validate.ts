import type { Config } from '../engine/config/config.ts';
import { inspectConfig } from '../engine/config/load.ts';
import { describeMistake, type Mistake } from '../engine/config/mistakes.ts';
import { loadDefinitions } from '../engine/pipeline/build.ts';
import {
  type Definitions,
  describeWay,
  formsIn,
  planTranslations,
} from '../engine/pipeline/forms.ts';
import { describeQueueOfOneShard } from '../engine/queue/of-one-shard.ts';
import { choose, parseArguments, sourcesOf } from './arguments.ts';
import { dryRun } from './dry-run.ts';
import { EXIT, type Terminal } from './terminal.ts';

/**
 * `millrace validate`: reads, checks and builds everything a run would, without binding a port
 * or contacting anything. 1 when something is wrong.
 */
export async function validate(words: readonly string[], terminal: Terminal): Promise<number> {
  const args = parseArguments(words, ['config', 'set', 'format']);
  const format = choose('format', args.format, ['human', 'json']);
  const sources = sourcesOf(args);
  const { config, mistakes } = await inspectConfig(sources, terminal.registry);
  const file = sources.uris[0] ?? '';
  const built = config === undefined ? [] : await dryRun(config, terminal.registry, file);
  const all = [...mistakes, ...built];
  const failed = all.some(({ severity }) => severity === 'error');
  if (format === 'json') terminal.out(JSON.stringify(all.map(fields), null, 2));
  else await report(all, config, terminal);
  return failed ? EXIT.failed : EXIT.ok;
}

function fields({ file, line, column, path, message, severity }: Mistake): Mistake {
  return { file, line, column, path, message, severity };
}

/** What several shards make of the exporters: sizes that are the gateway's, and the exchange. */
function reportShards(
  { service, exporters }: Config,
  definitions: Definitions,
  terminal: Terminal,
): void {
  const { shards, pipelines } = service;
  if (shards === 1) return;
  const used = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.exporters));
  for (const id of used) {
    const section = exporters[id];
    const key = definitions.exporters.get(section?.type ?? '')?.key?.(section?.settings);
    if (key !== undefined) {
      const kept = key.replaceAll('_', ' ');
      terminal.out(`${id}: what has the same ${kept} goes to one of the ${shards} shards`);
    }
    const queue = section?.delivery?.queue;
    if (queue?.enabled !== true) continue;
    terminal.out(`${id}: each of ${shards} shards ${describeQueueOfOneShard(queue, shards)}`);
  }
}

async function report(
  mistakes: readonly Mistake[],
  config: Config | undefined,
  terminal: Terminal,
): Promise<void> {
  for (const mistake of mistakes) {
    const mark = mistake.severity === 'warning' ? 'note: ' : '';
    terminal.err(`${mark}${describeMistake(mistake)}`);
  }
  const errors = mistakes.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    terminal.err(`${errors} ${errors === 1 ? 'mistake' : 'mistakes'}; nothing was started`);
    return;
  }
  if (config === undefined) return;
  const definitions = await loadDefinitions(config, terminal.registry);
  const formsOf = formsIn(config, definitions);
  for (const pipeline of Object.values(config.service.pipelines)) {
    terminal.out(`${pipeline.id}: ${describeWay(pipeline, planTranslations(pipeline, formsOf))}`);
  }
  reportShards(config, definitions, terminal);
  terminal.out(`the configuration is valid (sha256 ${config.hash})`);
}
