import { type FileHandle, open } from 'node:fs/promises';
import type { Batch } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Clock } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { describeBatch } from '../../../formats/otlp/text/describe-batch.ts';
import { type Output, standardOutput } from './output.ts';
import type { Config } from './settings.ts';

const WINDOW_MS = 1000;

/** Writes batches as text. A batch that is not chosen for writing costs next to nothing. */
export class DebugExporter implements Exporter {
  readonly #config: Config;
  readonly #clock: Clock;
  #outputs: readonly Output[] = [];
  #files: FileHandle[] = [];
  #windowStart = -Infinity;
  #seen = 0;

  constructor(config: Config, { clock }: { readonly clock: Clock }) {
    this.#config = config;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const outputs: Output[] = [];
    for (const path of this.#config.outputPaths) {
      if (path === 'stdout' || path === 'stderr') {
        outputs.push(standardOutput(path));
        continue;
      }
      const file = await open(path, 'a');
      this.#files.push(file);
      outputs.push(async (text) => file.appendFile(text));
    }
    this.#outputs = outputs;
  }

  async stop(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    this.#outputs = [];
    for (const file of files) await file.close();
  }

  async send(batch: Batch): Promise<Outcome> {
    if (!this.#isChosen()) return ACCEPTED;
    const time = new Date(this.#clock.now()).toISOString();
    const text = `${time} ${describeBatch(batch, this.#config.verbosity)}`;
    try {
      for (const output of this.#outputs) await output(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return {
        kind: 'rejected',
        reason: 'write_failed',
        message: `cannot write telemetry: ${why}`,
      };
    }
    return ACCEPTED;
  }

  /** The first few of every second, and of the others every n-th. */
  #isChosen(): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#seen = 0;
    }
    const later = ++this.#seen - this.#config.samplingInitial;
    if (later <= 0) return true;
    const every = this.#config.samplingThereafter;
    return every > 0 && later % every === 0;
  }
}
