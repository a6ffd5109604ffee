import { parse, format as formatPath } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { type Batch, joinChunks } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import { RotatingFile } from './rotating-file.ts';
import type { Config } from './settings.ts';

const compress = promisify(zstdCompress);
const NEWLINE = Uint8Array.of(0x0a);

/**
 * Appends each batch to a file as one record. Every shard has a file of its own, so that rotation
 * needs no agreement between threads.
 */
export class FileExporter implements Exporter {
  readonly #config: Config;
  readonly #file: RotatingFile;

  constructor(config: Config, { shard, clock }: Pick<Context, 'shard' | 'clock'>) {
    this.#config = config;
    this.#file = new RotatingFile(
      { ...config, path: pathOfShard(config.path, shard.index) },
      clock,
    );
  }

  start(): Promise<void> {
    return this.#file.open();
  }

  stop(): Promise<void> {
    return this.#file.close();
  }

  async send(batch: Batch): Promise<Outcome> {
    const record = await this.#encode(batch);
    try {
      await this.#file.append(record);
      return ACCEPTED;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `cannot write to ${this.#config.path}: ${why}`;
      return { kind: 'retry', reason: 'write_failed', message };
    }
  }

  /** JSON ends with a line end; everything else begins with its length in four bytes. */
  async #encode(batch: Batch): Promise<readonly Uint8Array[]> {
    const { format, isCompressed } = this.#config;
    const bytes =
      format === 'json'
        ? encodeJson(batch.signal, batch.chunks)
        : joinChunks(batch.chunks, batch.byteLength);
    if (format === 'json' && !isCompressed) return [bytes, NEWLINE];
    const payload = isCompressed ? await compress(bytes) : bytes;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(payload.length);
    return [length, payload];
  }
}

/** `out.json` for the first shard, `out.1.json` for the second. */
export function pathOfShard(path: string, index: number): string {
  if (index === 0) return path;
  const { dir, name, ext } = parse(path);
  return formatPath({ dir, name: `${name}.${index}`, ext });
}
