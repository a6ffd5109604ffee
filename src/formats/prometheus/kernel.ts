import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type KernelModule, loadKernel } from '../../wire/kernel.ts';

const KERNEL = new URL('./kernel.wasm', import.meta.url);

declare const WebAssembly: {
  readonly Instance: new (module: KernelModule, imports: object) => { readonly exports: unknown };
};

/** The functions of src/formats/prometheus/kernel/, which say what they do. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly skim: (start: number, end: number, legacy: boolean) => number;
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly places: (start: number, end: number, seed: number, to: number, toEnd: number) => number;
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly gather: (
    start: number,
    records: number,
    count: number,
    place: number,
    to: number,
  ) => number;
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly configure: (at: number, lines: number, ringBytes: number, seed: number) => void;
  readonly begin: (at: number, to: number, toEnd: number) => void;
  readonly rewrite: (from: number, end: number) => number;
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly remember: (
    kind: number,
    prefix: number,
    suffix: number,
    from: number,
    patchBytes: number,
  ) => number;
  readonly drain: (to: number) => void;
  readonly heldBytes: () => number;
}

/**
 * Bytes of a chunk that the kernel sees at once. Small enough to stay in the cache of a core together with
 * what becomes of them.
 */
export const WINDOW_BYTES = 256 * 1024;

/** Longest patch that is remembered. */
export const MAX_PATCH_BYTES = 60 * 1024;

// Results, room for a patch, the window and 64 bytes behind it, then what becomes of it.
const RESULTS = 16;
const PATCH = 1024;
const INPUT = 64 * 1024;
const OUTPUT = INPUT + WINDOW_BYTES + 64;
const OUTPUT_END = OUTPUT + WINDOW_BYTES + 2 * MAX_PATCH_BYTES;
const TABLE = Math.ceil(OUTPUT_END / 64) * 64;

const PAGE = 65_536;
const LINE_BYTES = 64;
const SLOTS = 8;
/** What an entry takes, about: half of the slots are free then. */
const USUAL_ENTRY_BYTES = 400;
/** Addresses of the kernel have 32 bits. */
const MOST_BYTES = 3.5 * 1024 ** 3;

let compiled: KernelModule | null | undefined;

/** The kernel, compiled once per thread; undefined where there is none or it does not run. */
function compiledKernel(url: URL): KernelModule | undefined {
  if (url !== KERNEL) return loadKernel(url);
  compiled ??= loadKernel(url) ?? null;
  return compiled ?? undefined;
}

/** What the operator should know of a kernel that is not in use; undefined when it is. */
export function seriesKernelProblem(url = KERNEL): string | undefined {
  if (compiledKernel(url) !== undefined) return undefined;
  return `${fileURLToPath(url)} is missing or does not run on this machine: series of remote-write are handled in JavaScript, which costs more; npm run build compiles it`;
}

/** A kernel with a memory of its own, of which it sees a chunk window by window. */
export class SeriesKernel {
  readonly exports: Exports;
  /** Where things are in its memory. */
  static readonly INPUT = INPUT;
  static readonly OUTPUT = OUTPUT;
  static readonly OUTPUT_END = OUTPUT_END;
  static readonly PATCH = PATCH;
  #memory = new Uint8Array(0);
  #results = new Uint32Array(0);

  private constructor(module: KernelModule) {
    this.exports = new WebAssembly.Instance(module, {}).exports as Exports;
    this.#growTo(TABLE);
  }

  /** Undefined where the kernel was not built or does not run on this machine. */
  static create(url = KERNEL): SeriesKernel | undefined {
    const module = compiledKernel(url);
    return module === undefined ? undefined : new SeriesKernel(module);
  }

  /** Its memory, good until it grows, which it does when something is remembered. */
  get memory(): Uint8Array<ArrayBuffer> {
    this.#refresh();
    return this.#memory;
  }

  /** Results of the last call, by their place; good as long as `memory`. */
  get results(): Uint32Array {
    this.#refresh();
    return this.#results;
  }

  /** Numbers of its memory from `at` on; good as long as `memory`. */
  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, count);
  }

  /** Prepares to remember label sets in at most `maxBytes`. */
  remember(maxBytes: number): void {
    const most = Math.min(maxBytes, MOST_BYTES);
    let lines = 1;
    while (lines * SLOTS < most / USUAL_ENTRY_BYTES) lines *= 2;
    const tableBytes = lines * LINE_BYTES;
    this.#growTo(TABLE + tableBytes + PAGE);
    const ringBytes = Math.max(0, Math.floor(most - tableBytes));
    this.exports.configure(TABLE, lines, ringBytes, randomInt(2 ** 32));
  }

  /** Shows the kernel the bytes of a chunk from `start` on, as many as it can see; answers their end. */
  look(chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + WINDOW_BYTES);
    this.memory.set(chunk.subarray(start, end), INPUT);
    return end;
  }

  #refresh(): void {
    // A memory that grew has left its old buffer empty.
    if (this.#memory.length > 0) return;
    const { buffer } = this.exports.memory;
    this.#memory = new Uint8Array(buffer);
    this.#results = new Uint32Array(buffer, 0, RESULTS);
  }

  #growTo(bytes: number): void {
    const { memory } = this.exports;
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  }
}
