import { stringify } from 'yaml';
import { inspectConfig } from '../engine/config/load.ts';
import { describeMistake } from '../engine/config/mistakes.ts';
import { choose, parseArguments, sourcesOf } from './arguments.ts';
import { EXIT, type Terminal } from './terminal.ts';

/**
 * `millrace print-config`: the configuration after merging and expanding, as YAML or JSON, with
 * secrets replaced unless `--mode unredacted` asks for them.
 */
export async function printConfig(words: readonly string[], terminal: Terminal): Promise<number> {
  const args = parseArguments(words, ['config', 'set', 'format', 'mode']);
  const format = choose('format', args.format, ['yaml', 'json']);
  const mode = choose('mode', args.mode, ['redacted', 'unredacted']);
  const inspection = await inspectConfig(sourcesOf(args), terminal.registry);
  for (const mistake of inspection.mistakes) {
    if (mistake.severity === 'error') terminal.err(describeMistake(mistake));
  }
  if (inspection.config === undefined) return EXIT.failed;
  const shown = mode === 'unredacted' ? inspection.resolved : inspection.redacted;
  const text = format === 'json' ? JSON.stringify(shown, null, 2) : stringify(shown).trimEnd();
  terminal.out(text);
  return EXIT.ok;
}
