import { namesClaimedBy } from './heading.ts';
import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import type { Omissions } from './omissions.ts';
import type { Part } from './part-writer.ts';
import { Slices } from '../slices.ts';

const BLOCK_BYTES = 256 * 1024;
const RANGE_FIELDS = 4;

/** A page: bytes one after the other. */
export interface PageText {
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
}

/** A family of one part. */
interface Piece {
  readonly part: Part;
  readonly number: number;
  /** Numbers in `ranges`, from and to. */
  from: number;
  to: number;
}

/** Makes one page of the parts of all shards: families by name, each in one place. */
export async function mergeParts(
  parts: readonly Part[],
  format: TextFormat,
  omissions: Omissions,
): Promise<PageText> {
  const slices = new Slices();
  const pieces = piecesByName(parts);
  const output = new Output();
  const claimed = new Set<string>();
  for (const name of [...pieces.keys()].toSorted()) {
    const [first, ...others] = typedFirst(pieces.get(name) ?? []);
    if (first === undefined) continue;
    const { part, number } = first;
    const type = part.types[number]!;
    const claims = format.kind === 'openmetrics' ? namesClaimedBy(name, type) : [name];
    if (claims.some((claim) => claimed.has(claim))) {
      omissions.count('conflicting_name');
      continue;
    }
    for (const claim of claims) claimed.add(claim);
    output.append(Buffer.from(part.headings[number]!));
    for (const piece of [first, ...others]) {
      if (canJoin(piece.part.types[piece.number]!, type)) {
        for (let at = piece.from; at < piece.to; at += RANGE_FIELDS) {
          const [block = 0, start = 0, end = 0] = piece.part.ranges.slice(at + 1, at + 4);
          output.append(piece.part.blocks[block]!.subarray(start, end));
          if (slices.isOver(1 + ((end - start) >>> 7))) await slices.next();
        }
      } else omissions.count('conflicting_name');
    }
  }
  if (format.kind === 'openmetrics') output.append(Buffer.from('# EOF\n'));
  return output.finish();
}

function piecesByName(parts: readonly Part[]): Map<string, Piece[]> {
  const pieces = new Map<string, Piece[]>();
  for (const part of parts) {
    let piece: Piece | undefined;
    for (let at = 0; at < part.ranges.length; at += RANGE_FIELDS) {
      const number = part.ranges[at]!;
      if (piece?.number !== number) {
        piece = { part, number, from: at, to: at };
        const name = part.names[number]!;
        const known = pieces.get(name);
        if (known === undefined) pieces.set(name, [piece]);
        else known.push(piece);
      }
      piece.to = at + RANGE_FIELDS;
    }
  }
  return pieces;
}

/** Who knows the type goes first. */
function typedFirst(pieces: readonly Piece[]): readonly Piece[] {
  return pieces.toSorted((a, b) => Number(isTypeless(a)) - Number(isTypeless(b)));
}

function isTypeless({ part, number }: Piece): boolean {
  const type = part.types[number]!;
  return type === 'untyped' || type === 'unknown';
}

/** Lines of a series without type read the same under a heading that has one sample per series. */
function canJoin(type: string, first: string): boolean {
  if (type === first) return true;
  return type === 'untyped' && (first === 'counter' || first === 'gauge');
}

/** Bytes in blocks of one size. */
class Output {
  readonly #done: Uint8Array[] = [];
  #block = new Uint8Array(BLOCK_BYTES);
  #length = 0;
  #total = 0;

  append(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#length === this.#block.length) {
        this.#done.push(this.#block);
        this.#block = new Uint8Array(BLOCK_BYTES);
        this.#length = 0;
      }
      const size = Math.min(bytes.length - from, this.#block.length - this.#length);
      this.#block.set(bytes.subarray(from, from + size), this.#length);
      this.#length += size;
      from += size;
    }
    this.#total += bytes.length;
  }

  finish(): PageText {
    const chunks = [...this.#done, this.#block.subarray(0, this.#length)];
    return { chunks, byteLength: this.#total };
  }
}
