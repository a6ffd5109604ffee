import { type FSWatcher, watch } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import type { Clock, Logger } from '../../../../contract/context.ts';
import type { Discovery } from './discovery.ts';
import { readTargetGroups, type TargetGroup } from './target-group.ts';

/** What a discovery may reach. */
export interface DiscoveryContext {
  readonly clock: Clock;
  readonly log: Logger;
  /** Counts an attempt. */
  readonly counted: (isSuccess: boolean) => void;
}

interface FileDiscoveryConfig {
  readonly patterns: readonly string[];
  readonly refreshMs: number;
}

/** An editor writes a file in several steps. */
const SETTLE_MS = 50;

/**
 * Targets in files of YAML or JSON. Files are read when their folders change, and now and then for
 * folders that cannot be watched. A file that cannot be read leaves its targets as they were.
 */
export class FileDiscovery implements Discovery {
  readonly #config: FileDiscoveryConfig;
  readonly #context: DiscoveryContext;
  readonly #watchers = new Map<string, FSWatcher>();
  #known = new Map<string, readonly TargetGroup[]>();
  #update: (groups: readonly TargetGroup[]) => void = () => undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #reading = false;
  #isStale = false;

  constructor(config: FileDiscoveryConfig, context: DiscoveryContext) {
    this.#config = config;
    this.#context = context;
  }

  start(update: (groups: readonly TargetGroup[]) => void): void {
    this.#update = update;
    void this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #schedule(ms: number): void {
    this.#cancel?.();
    if (!this.#stopped) this.#cancel = this.#context.clock.after(ms, () => void this.#refresh());
  }

  async #refresh(): Promise<void> {
    // What changes while files are read is read afterwards.
    this.#isStale = this.#reading;
    if (this.#reading) return;
    this.#reading = true;
    this.#watch();
    const found = new Map<string, readonly TargetGroup[]>();
    for (const path of await this.#paths()) {
      const groups = await this.#read(path);
      if (groups !== undefined) found.set(path, groups);
    }
    this.#reading = false;
    if (this.#stopped) return;
    this.#known = found;
    this.#update([...found.values()].flat());
    this.#schedule(this.#isStale ? SETTLE_MS : this.#config.refreshMs);
  }

  async #paths(): Promise<readonly string[]> {
    const paths = new Set<string>();
    for (const pattern of this.#config.patterns)
      for await (const path of glob(pattern)) paths.add(path);
    return [...paths].sort();
  }

  async #read(path: string): Promise<readonly TargetGroup[] | undefined> {
    try {
      const text = await readFile(path, 'utf8');
      const document: unknown = path.endsWith('.json') ? JSON.parse(text) : parse(text);
      const groups = readTargetGroups(document, path, { __meta_filepath: path });
      this.#context.counted(true);
      return groups;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn('cannot read targets, those known stay', { path, reason });
      this.#context.counted(false);
      return this.#known.get(path);
    }
  }

  /** Watches the folders of all patterns, as far as they are there. */
  #watch(): void {
    for (const folder of new Set(this.#config.patterns.map((pattern) => dirname(pattern)))) {
      if (this.#watchers.has(folder) || this.#stopped) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // The folder is not there yet, or cannot be watched: the next refresh tries again.
      }
    }
  }

  #changed(): void {
    if (this.#reading) this.#isStale = true;
    else this.#schedule(SETTLE_MS);
  }
}
