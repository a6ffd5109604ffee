import { program } from './cli/program.ts';
import { registry } from './registry.ts';

const terminal = {
  registry,
  out: (text: string) => process.stdout.write(`${text}\n`),
  err: (text: string) => process.stderr.write(`${text}\n`),
};

// A reader that has seen enough, such as head, is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await program(process.argv.slice(2), terminal);
} catch (error) {
  terminal.err(`millrace: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
