import { KINDS } from '../engine/config/config.ts';
import { allDefinitions } from '../engine/config/schema/file-schema.ts';
import { choose, parseArguments } from './arguments.ts';
import { EXIT, table, type Terminal } from './terminal.ts';

/** `millrace components`: what this build has, as a table or as JSON. */
export async function components(words: readonly string[], terminal: Terminal): Promise<number> {
  const args = parseArguments(words, ['format']);
  const format = choose('format', args.format, ['table', 'json']);
  const definitions = await allDefinitions(terminal.registry);
  const list = KINDS.flatMap((kind) =>
    definitions[kind].map((definition) => ({
      kind,
      type: definition.type,
      aliases: definition.aliases ?? [],
      signals: 'signals' in definition ? definition.signals : [],
      stability: definition.stability,
      summary: definition.summary,
    })),
  );
  if (format === 'json') {
    terminal.out(JSON.stringify(list, null, 2));
    return EXIT.ok;
  }
  const rows = list.map(({ kind, type, aliases, signals, stability, summary }) => [
    kind,
    [type, ...aliases].join(', '),
    signals.join(', '),
    stability,
    summary,
  ]);
  terminal.out(table(['KIND', 'TYPE', 'SIGNALS', 'STABILITY', 'SUMMARY'], rows));
  return EXIT.ok;
}
