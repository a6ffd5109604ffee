import type { Bytes } from '../../../contract/batch.ts';
import { writeRemoteWrite1 } from '../../../formats/prometheus/write/remote-write-1.ts';
import { writeRemoteWrite2 } from '../../../formats/prometheus/write/remote-write-2.ts';
import {
  type Dropped,
  NOTHING_DROPPED,
  type Written,
} from '../../../formats/prometheus/write/written.ts';
import { type Body, compress } from '../../../net/compress.ts';
import { releaseBytes } from '../../../wire/memory.ts';
import { LabelWriter } from './label-writer.ts';
import type { Piece } from './sending/piece.ts';
import { PlainScan } from './plain-scan.ts';
import type { Config } from './settings.ts';
import type { Version } from './version.ts';

/** A request as it goes over the wire, and what is in it. */
export interface Content {
  /** Compressed; undefined when nothing is left to be said. */
  readonly body: Body | undefined;
  /** Samples and histograms. */
  readonly items: number;
  readonly exemplars: number;
  /** What the version has no words for. */
  readonly dropped: Dropped;
}

/** Turns pieces of batches into requests of one version of remote-write. */
export class RequestWriter {
  readonly #version: Version;
  readonly #labels: LabelWriter;
  readonly #plain: PlainScan | undefined;

  constructor(version: Version, config: Config) {
    this.#version = version;
    const isUntouched = version === 'v1' && Object.keys(config.external_labels).length === 0;
    this.#plain = isUntouched ? new PlainScan() : undefined;
    this.#labels = new LabelWriter({
      external: config.external_labels,
      legacyNames: version === 'v1',
      cacheBytes: config.label_cache_size,
    });
  }

  /** Chunks that are requests of 1.0 already, all of them; undefined when one is not. */
  #asTheyAre({ chunks }: Piece): Omit<Content, 'body'> | undefined {
    const plain = this.#plain;
    if (plain === undefined) return undefined;
    let [items, exemplars] = [0, 0];
    for (const chunk of chunks) {
      if (!plain.isPlain(chunk)) return undefined;
      items += plain.samples;
      exemplars += plain.exemplars;
    }
    return { items, exemplars, dropped: NOTHING_DROPPED };
  }

  /** The piece as a request. Its chunks are read before this resolves. */
  async write(piece: Piece): Promise<Content> {
    const plain = this.#asTheyAre(piece);
    if (plain !== undefined && piece.byteLength > 0) {
      return { ...plain, body: await compress('snappy', piece.chunks, piece.byteLength) };
    }
    const labelled = piece.chunks.map((chunk) => this.#labels.write(chunk));
    const written =
      this.#version === 'v2' ? [writeRemoteWrite2(labelled)] : labelled.map(writeRemoteWrite1);
    const dropped = { customHistograms: 0, metadata: 0, startTimestamps: 0 };
    let [items, exemplars] = [0, 0];
    for (const each of written) {
      items += each.samples + each.histograms;
      exemplars += each.exemplars;
      dropped.customHistograms += each.dropped.customHistograms;
      dropped.metadata += each.dropped.metadata;
      dropped.startTimestamps += each.dropped.startTimestamps;
    }
    const parts = written.map(({ bytes }) => bytes).filter((bytes) => bytes.length > 0);
    const byteLength = parts.reduce((sum, { length }) => sum + length, 0);
    const body = byteLength === 0 ? undefined : await compress('snappy', parts, byteLength);
    release(piece.chunks, labelled, written);
    return { body, items, exemplars, dropped };
  }
}

/** Lets go of what was made on the way; the chunks are not ours. */
function release(
  chunks: readonly Bytes[],
  labelled: readonly Bytes[],
  written: readonly Written[],
): void {
  for (const [index, { bytes }] of written.entries())
    if (bytes !== labelled[index]) releaseBytes(bytes);
  for (const [index, bytes] of labelled.entries()) if (bytes !== chunks[index]) releaseBytes(bytes);
}
