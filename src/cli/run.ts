import { runCollector, runUntilSignal } from '../collector.ts';
import { inspectConfig } from '../engine/config/load.ts';
import { describeMistake } from '../engine/config/mistakes.ts';
import { parseArguments, sourcesOf } from './arguments.ts';
import { EXIT, type Terminal } from './terminal.ts';
import { welcome } from './welcome.ts';

/** `millrace run`: runs until it is told to stop. Answers the exit code. */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  const args = parseArguments(words, ['config', 'set', 'welcome']);
  const { config, mistakes, resolved } = await inspectConfig(sourcesOf(args), terminal.registry);
  for (const mistake of mistakes) {
    const mark = mistake.severity === 'warning' ? 'note: ' : '';
    terminal.err(`${mark}${describeMistake(mistake)}`);
  }
  if (config === undefined) return EXIT.failed;
  return runUntilSignal(async () => {
    const collector = await runCollector(config, terminal.registry);
    if (args.welcome) terminal.out(welcome(config, resolved));
    return collector;
  });
}
