import { readFileSync } from 'node:fs';
import { nearestName } from '../engine/config/nearest.ts';
import { UsageError } from './arguments.ts';
import { components } from './components.ts';
import { printConfig } from './print-config.ts';
import { relabel } from './relabel.ts';
import { run } from './run.ts';
import { schema } from './schema.ts';
import { EXIT, type Terminal } from './terminal.ts';
import { validate } from './validate.ts';

type Command = (words: readonly string[], terminal: Terminal) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  run,
  validate,
  'print-config': printConfig,
  schema,
  components,
  relabel,
};

const USAGE = `usage: millrace COMMAND [FLAGS]

  run           --config FILE       run the gateway until SIGTERM or SIGINT; also without the word
  validate      --config FILE       check everything without binding a port or contacting anything
  print-config  --config FILE       show the configuration merged and expanded, without secrets
  schema                            JSON Schema of the configuration, for editors
  components                        what this build can receive, process and export
  relabel       --config FILE       what the rules of a relabel processor do to labels, rule by rule

  --config FILE   a path, file:PATH, env:NAME or yaml:TEXT; repeated ones are merged in order
  --set A.B=C     lays one setting over the files; may be repeated
  --format F      validate, relabel: human, json; print-config: yaml, json; components: table, json
  --mode M        print-config: redacted, unredacted
  --reference     schema: the reference page of all settings instead
  --output FILE   schema: write to a file
  --labels L      relabel: labels such as '{__name__="up", job="api"}', or a JSON object
  --processor ID  relabel: which processor, where there are several
  --tenant NAME   relabel: whose rules
  --help, --version`;

/** Runs one command line, without the name of the program. Answers the exit code. */
export async function program(words: readonly string[], terminal: Terminal): Promise<number> {
  // The OpenTelemetry Collector runs what it is given, without a command in front.
  const isBare = /^--(?:config|set)(?:=|$)/.test(words[0] ?? '');
  const [name, ...rest] = isBare ? ['run', ...words] : words;
  if (name === undefined || name === 'help' || words.includes('--help') || name === '-h') {
    terminal.out(USAGE);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === 'version') {
    terminal.out(`millrace ${programVersion()}`);
    return EXIT.ok;
  }
  try {
    return await commandOf(name)(rest, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.err(`millrace: ${error.message}; millrace --help lists commands and flags`);
    return EXIT.usage;
  }
}

function commandOf(name: string): Command {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  const nearest = nearestName(name, Object.keys(COMMANDS));
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`;
  throw new UsageError(`there is no command "${name}"${hint}`);
}

function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}
