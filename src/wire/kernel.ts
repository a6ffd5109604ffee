import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Checker, ReferenceChecker, type Tally } from './checker.ts';
import { WireError, type WireFault } from './error.ts';
import { ENTRY_BYTES, ItemIndex } from './item-index.ts';
import type { ShapeTable } from './shape.ts';

/** In the order of the numbers in src/wire/kernel/kernel.ts. */
const FAULTS: readonly WireFault[] = [
  'truncated',
  'overlong varint',
  'bad tag',
  'wrong wire type',
  'invalid utf-8',
  'bad id length',
  'nested too deeply',
  'unbalanced group',
];

const KERNEL = new URL('./kernel.wasm', import.meta.url);

const PAGE = 65_536;
const TABLE_OFFSET = 2_048;
/** The kernel looks at up to 64 bytes at once, and so this far past the last byte. */
const OVERREAD = 64;
/** A memory that has grown past this is let go after use, so that one large request costs once. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** Bytes of a request per entry of its index: requests of smaller items have none. */
const BYTES_PER_ITEM = 64;

/** The part of the WebAssembly interface in use here; no library of types for Node has it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => KernelModule;
  readonly Instance: new (module: KernelModule, imports: object) => { readonly exports: unknown };
};

/** A compiled kernel. */
export type KernelModule = object & { readonly __compiled: never };

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly check: (
    root: number,
    table: number,
    messages: number,
    input: number,
    length: number,
    index: number,
    capacity: number,
  ) => number;
}

/**
 * The fastest checker there is here: the WebAssembly kernel, or the reference in TypeScript when
 * the kernel was not built or does not run on this machine. One per thread: it is not shared.
 */
export function createChecker(table: ShapeTable): Checker {
  const module = loadKernel(KERNEL);
  return module ? new KernelChecker(table, module) : new ReferenceChecker(table);
}

/** What the operator should know of a kernel that is not in use; undefined when it is. */
export function kernelProblem(url = KERNEL): string | undefined {
  if (loadKernel(url) !== undefined) return undefined;
  return `${fileURLToPath(url)} is missing or does not run on this machine: requests are checked in JavaScript, which costs more; npm run build compiles it`;
}

/** Compiles the kernel at `url`; `undefined` when there is none or this machine cannot run it. */
export function loadKernel(url: URL): KernelModule | undefined {
  try {
    return new WebAssembly.Module(readFileSync(url));
  } catch {
    return undefined;
  }
}

/** The checker in WebAssembly. Requests are copied into its memory, which grows to hold them. */
export class KernelChecker implements Checker {
  readonly #table: ShapeTable;
  readonly #module: KernelModule;
  readonly #input: number;
  #exports: Exports | undefined;
  #memory = new Uint8Array(0);
  #words = new Uint32Array(0);
  readonly #index = new ItemIndex();

  constructor(table: ShapeTable, module: KernelModule) {
    this.#table = table;
    this.#module = module;
    this.#input = Math.ceil((TABLE_OFFSET + table.entries.byteLength) / 64) * 64;
  }

  check(root: number, bytes: Uint8Array, isIndexed = false): Tally {
    this.#index.forget();
    const { length } = bytes;
    const capacity = isIndexed ? Math.ceil(length / BYTES_PER_ITEM) : 0;
    const index = Math.ceil((this.#input + length + OVERREAD) / 64) * 64;
    const { check } = this.#roomFor(index + capacity * ENTRY_BYTES);
    this.#memory.set(bytes, this.#input);
    const { messages } = this.#table;
    const fault = check(root, TABLE_OFFSET, messages, this.#input, length, index, capacity);
    const words = this.#words;
    const items = words[1]!;
    const unsound = words[2]!;
    if (this.#memory.length > KEPT_BYTES) this.#letGo();
    if (fault !== 0) throw new WireError(FAULTS[fault - 1]!, words[0]!);
    if (!isIndexed || items > capacity) return { items, unsound };
    this.#index.look(bytes, words, { first: index / 4, items });
    return { items, unsound, index: this.#index };
  }

  #roomFor(needed: number): Exports {
    this.#exports ??= this.#instantiate();
    if (needed > this.#memory.length) {
      this.#exports.memory.grow(Math.ceil((needed - this.#memory.length) / PAGE));
      this.#look(this.#exports);
    }
    return this.#exports;
  }

  #instantiate(): Exports {
    const instance = new WebAssembly.Instance(this.#module, {});
    const exports = instance.exports as Exports;
    this.#look(exports);
    const { entries } = this.#table;
    new Uint16Array(exports.memory.buffer, TABLE_OFFSET, entries.length).set(entries);
    return exports;
  }

  #look({ memory }: Exports): void {
    this.#memory = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
  }

  #letGo(): void {
    this.#exports = undefined;
    this.#memory = new Uint8Array(0);
    this.#words = new Uint32Array(0);
  }
}
