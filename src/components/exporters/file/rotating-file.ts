import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, parse, resolve } from 'node:path';
import type { Clock } from '../../../contract/context.ts';
import type { Config } from './settings.ts';

type Options = Pick<Config, 'path' | 'append' | 'createDirectory' | 'directoryMode' | 'rotation'>;

/**
 * Files this thread has emptied already. A reload opens a file again while the exporter before it
 * still drains into it: what the program wrote itself is never emptied.
 */
const emptied = new Set<string>();

/**
 * A file that is only appended to, and set aside when it is full. One write at a time; a record
 * that could not be written whole is cut off again, so that the next one begins where it should.
 */
export class RotatingFile {
  readonly #options: Options;
  readonly #clock: Clock;
  /** Absent while open only when a file could not be begun; the next record tries again. */
  #handle: FileHandle | undefined;
  #isOpen = false;
  #size = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: Options, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    const { path, append, createDirectory, directoryMode } = this.#options;
    if (createDirectory) await mkdir(dirname(path), { recursive: true, mode: directoryMode });
    const absolute = resolve(path);
    const mustEmpty = !append && !emptied.has(absolute);
    this.#handle = await open(path, 'a');
    if (mustEmpty) await this.#handle.truncate(0);
    emptied.add(absolute);
    this.#size = (await this.#handle.stat()).size;
    this.#isOpen = true;
  }

  /** Resolves when the record, all its parts one after the other, is in the file. */
  append(record: readonly Uint8Array[]): Promise<void> {
    const done = this.#last.then(() => this.#write(record));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#isOpen = false;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #write(record: readonly Uint8Array[]): Promise<void> {
    const length = record.reduce((sum, part) => sum + part.length, 0);
    const { rotation } = this.#options;
    if (rotation !== undefined && this.#size > 0 && this.#size + length > rotation.maxBytes) {
      await this.#rotate();
    }
    if (!this.#isOpen) throw new Error('the file is not open');
    const handle = (this.#handle ??= await open(this.#options.path, 'a'));
    try {
      await handle.appendFile(Buffer.concat(record));
      this.#size += length;
    } catch (error) {
      await handle.truncate(this.#size).catch(() => undefined);
      throw error;
    }
  }

  async #rotate(): Promise<void> {
    const { path, rotation } = this.#options;
    await this.#handle?.close();
    this.#handle = undefined;
    try {
      await rename(path, await this.#freeBackupPath());
      this.#size = 0;
    } finally {
      this.#handle = await open(path, 'a');
    }
    if (rotation !== undefined) await this.#prune(rotation);
  }

  /** A name with the time in it, moved on by milliseconds while it is taken. */
  async #freeBackupPath(): Promise<string> {
    const { dir, name, ext } = parse(this.#options.path);
    const taken = new Set(await readdir(dir === '' ? '.' : dir));
    for (let now = this.#clock.now(); ; now++) {
      const backup = `${name}-${stamp(now, this.#options.rotation?.isLocalTime === true)}${ext}`;
      if (!taken.has(backup)) return join(dir, backup);
    }
  }

  /** Deletes backups that are too old or too many. */
  async #prune({ maxAgeMs, maxBackups }: NonNullable<Config['rotation']>): Promise<void> {
    const { dir, name, ext } = parse(this.#options.path);
    const folder = dir === '' ? '.' : dir;
    const isBackup = (file: string) =>
      file.startsWith(`${name}-`) &&
      file.endsWith(ext) &&
      STAMP.test(file.slice(name.length + 1, file.length - ext.length));
    const backups = (await readdir(folder)).filter(isBackup).sort().reverse();
    const oldest = stamp(
      this.#clock.now() - maxAgeMs,
      this.#options.rotation?.isLocalTime === true,
    );
    for (const [index, file] of backups.entries()) {
      const isTooOld = maxAgeMs > 0 && file < `${name}-${oldest}${ext}`;
      const isTooMany = maxBackups > 0 && index >= maxBackups;
      if (isTooOld || isTooMany) await rm(join(folder, file), { force: true });
    }
  }
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;

/** `2026-11-21T08-15-30.250`: sorts by time, and is a file name everywhere. */
function stamp(ms: number, isLocalTime: boolean): string {
  const offsetMs = isLocalTime ? new Date(ms).getTimezoneOffset() * 60_000 : 0;
  return new Date(ms - offsetMs).toISOString().slice(0, -1).replaceAll(':', '-');
}
