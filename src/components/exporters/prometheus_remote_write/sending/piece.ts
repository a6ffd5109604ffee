import type { Bytes } from '../../../../contract/batch.ts';
import { splitChunk } from '../../../../formats/prometheus/split.ts';
import { countChunk } from '../../../../formats/prometheus/walk.ts';

/** What goes out as one request. */
export interface Piece {
  readonly chunks: readonly Bytes[];
  readonly byteLength: number;
  /** Samples and histograms. */
  readonly items: number;
}

/** Something as pieces of at most `maxBytes` (0: one piece), in order. A series is never cut. */
export function piecesOf(whole: Piece, maxBytes: number): Piece[] {
  const { chunks, byteLength, items } = whole;
  if (maxBytes === 0 || byteLength <= maxBytes) return [{ chunks, byteLength, items }];
  const pieces: Piece[] = [];
  let gathered = nothing();
  for (const chunk of chunks) {
    for (const part of splitChunk(chunk, { maxItems: 0, maxBytes })) {
      if (gathered.byteLength > 0 && gathered.byteLength + part.bytes.length > maxBytes) {
        pieces.push(gathered);
        gathered = nothing();
      }
      gathered.chunks.push(part.bytes);
      gathered.byteLength += part.bytes.length;
      gathered.items += part.items;
    }
  }
  if (gathered.byteLength > 0) pieces.push(gathered);
  return pieces;
}

/** A piece in two or three, in order; itself alone when it is one series. */
export function halves(piece: Piece): Piece[] {
  const { chunks, byteLength } = piece;
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) {
    const parts = splitChunk(only, { maxItems: 0, maxBytes: Math.ceil(byteLength / 2) });
    return parts.length === 1
      ? [piece]
      : parts.map(({ bytes, items }) => ({ chunks: [bytes], byteLength: bytes.length, items }));
  }
  const middle = chunks.length >>> 1;
  return [chunks.slice(0, middle), chunks.slice(middle)].map(pieceOf);
}

function nothing() {
  return { chunks: new Array<Bytes>(), byteLength: 0, items: 0 };
}

function pieceOf(chunks: readonly Bytes[]): Piece {
  let byteLength = 0;
  let items = 0;
  for (const chunk of chunks) {
    const { samples, histograms } = countChunk(chunk);
    byteLength += chunk.length;
    items += samples + histograms;
  }
  return { chunks, byteLength, items };
}
