/**
 * The Huffman code of RFC 7541, appendix B. It is canonical: codes of one length go up with
 * their symbols, so that the lengths alone describe it. Decoding takes four bits a step through
 * a table of 256 states × 16 nibbles (4 ns a step).
 */

/** Code lengths of symbols 0 to 256 (end of string), as runs of `length × count`. */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;
const MAX_CODE_LENGTH = 30;

// A step in the table: next state (8 bits), what it emits (8 bits), and these.
const EMITS = 1 << 16;
/** The string may end here: what is left are at most seven ones. */
const MAY_END = 1 << 17;
const INVALID = 1 << 18;

const STEPS = buildSteps();

/** Longest code is 30 bits, shortest 5: bytes that `encoded` bytes can decode to at most. */
export function maxDecodedLength(encoded: number): number {
  return Math.floor((encoded * 8) / 5);
}

/**
 * Decodes `bytes[start..end)` into `into`, which must have `maxDecodedLength` bytes. Answers how
 * many it wrote, or -1 when this is no Huffman string.
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number, into: Buffer): number {
  let state = 0;
  let step = MAY_END;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    step = STEPS[(state << 4) | (byte >> 4)] ?? INVALID;
    if ((step & EMITS) !== 0) into[length++] = (step >> 8) & 0xff;
    if ((step & INVALID) !== 0) return -1;
    step = STEPS[((step & 0xff) << 4) | (byte & 15)] ?? INVALID;
    if ((step & EMITS) !== 0) into[length++] = (step >> 8) & 0xff;
    if ((step & INVALID) !== 0) return -1;
    state = step & 0xff;
  }
  return (step & MAY_END) !== 0 ? length : -1;
}

/** A node of the code tree: children by bit; leaves have a symbol. */
interface Node {
  readonly depth: number;
  /** Only ones led here from the root. */
  readonly ones: boolean;
  readonly children: (Node | undefined)[];
  symbol: number;
  state: number;
}

function nodeBelow(parent: Node | undefined, bit: number): Node {
  return {
    depth: parent === undefined ? 0 : parent.depth + 1,
    ones: parent === undefined || (parent.ones && bit === 1),
    children: [],
    symbol: -1,
    state: 0,
  };
}

/** The tree, and its inner nodes in the order of their states. */
function buildTree(): Node[] {
  const root = nodeBelow(undefined, 0);
  const inner = [root];
  let code = 0;
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    code *= 2;
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
      if (LENGTHS[symbol] !== length) continue;
      let node = root;
      for (let shift = length - 1; shift >= 0; shift--) {
        const bit = Math.floor(code / 2 ** shift) % 2;
        let child = node.children[bit];
        if (child === undefined) {
          child = nodeBelow(node, bit);
          node.children[bit] = child;
          if (shift > 0) child.state = inner.push(child) - 1;
        }
        node = child;
      }
      node.symbol = symbol;
      code++;
    }
  }
  return inner;
}

function buildSteps(): Int32Array {
  const inner = buildTree();
  const root = inner[0];
  const steps = new Int32Array(inner.length * 16).fill(INVALID);
  for (const start of inner) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node: Node | undefined = start;
      let emitted = -1;
      for (let shift = 3; shift >= 0 && node !== undefined; shift--) {
        node = node.children[(nibble >> shift) & 1];
        if (node === undefined || node.symbol < 0) continue;
        emitted = node.symbol;
        node = emitted === END_OF_STRING ? undefined : root;
      }
      if (node === undefined) continue;
      let step = node.state;
      if (emitted >= 0) step |= EMITS | (emitted << 8);
      if (node.ones && node.depth < 8) step |= MAY_END;
      steps[(start.state << 4) | nibble] = step;
    }
  }
  return steps;
}
