import { type KernelModule, loadKernel } from '../../wire/kernel.ts';

const KERNEL = new URL('./snappy.wasm', import.meta.url);
const PAGE = 65_536;
/** The kernel copies up to so far past what it decodes. */
const SLACK = 64;
/** A memory that has grown past this is let go after use, so that one large body costs once. */
const KEPT_BYTES = 16 * 1024 * 1024;

declare const WebAssembly: {
  readonly Instance: new (module: KernelModule, imports: object) => { readonly exports: unknown };
};

/** The function of src/net/codec/kernel/snappy.ts, which says what it does. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  // oxlint-disable-next-line max-params -- the signature of the kernel
  readonly decode: (from: number, fromEnd: number, to: number, toEnd: number) => number;
}

/** Decodes blocks in a memory of its own, which grows to hold the largest. */
export class SnappyKernel {
  readonly #module: KernelModule;
  #exports: Exports | undefined;
  #memory = new Uint8Array(0);

  constructor(module: KernelModule) {
    this.#module = module;
  }

  /** Decodes the elements of a block from `start` on; false when they do not make exactly `out`. */
  decode(block: Uint8Array, start: number, out: Uint8Array): boolean {
    const to = block.length + SLACK;
    const { decode } = this.#roomFor(to + out.length + SLACK);
    this.#memory.set(block, 0);
    const isSound = decode(start, block.length, to, to + out.length) !== 0;
    if (isSound) out.set(this.#memory.subarray(to, to + out.length));
    if (this.#memory.length > KEPT_BYTES) {
      this.#exports = undefined;
      this.#memory = new Uint8Array(0);
    }
    return isSound;
  }

  #roomFor(bytes: number): Exports {
    this.#exports ??= new WebAssembly.Instance(this.#module, {}).exports as Exports;
    const { memory } = this.#exports;
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    if (this.#memory.length === 0) this.#memory = new Uint8Array(memory.buffer);
    return this.#exports;
  }
}

let perThread: SnappyKernel | null | undefined;

/** The one of this thread; undefined where it was not built or does not run on this machine. */
export function snappyKernel(): SnappyKernel | undefined {
  if (perThread === undefined) {
    const module = loadKernel(KERNEL);
    perThread = module === undefined ? null : new SnappyKernel(module);
  }
  return perThread ?? undefined;
}
