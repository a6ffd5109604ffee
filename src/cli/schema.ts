import { writeFileSync } from 'node:fs';
import { referencePage } from '../engine/config/schema/reference.ts';
import { fileSchema } from '../engine/config/schema/file-schema.ts';
import { parseArguments } from './arguments.ts';
import { EXIT, type Terminal } from './terminal.ts';

/**
 * `millrace schema`: the JSON Schema of a configuration file with every component of this build,
 * or with `--reference` the page of settings, to standard output or to `--output FILE`.
 */
export async function schema(words: readonly string[], terminal: Terminal): Promise<number> {
  const args = parseArguments(words, ['reference', 'output']);
  const text = args.reference ? await referencePage(terminal.registry) : await schemaText(terminal);
  if (args.output === undefined) terminal.out(text.trimEnd());
  else writeFileSync(args.output, text);
  return EXIT.ok;
}

async function schemaText(terminal: Terminal): Promise<string> {
  return `${JSON.stringify(await fileSchema(terminal.registry), null, 2)}\n`;
}
