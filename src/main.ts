import { program } from './cli/program.ts';
import { registry } from './registry.ts';

const terminal = {
  registry,
  out: (text: string) => process.stdout.write(`${text}\n`),
  err: (text: string) => process.stderr.write(`${text}\n`),
};

try {
  process.exitCode = await program(process.argv.slice(2), terminal);
} catch (error) {
  terminal.err(`millrace: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
