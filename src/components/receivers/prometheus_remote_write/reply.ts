import type { Reply } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import type { HttpReply } from '../../../net/http.ts';
import { formatRetryAfter, statusOf } from '../../../net/status.ts';
import type { Version } from './negotiation.ts';

/** The request that is answered. */
export interface Asked {
  /** Undefined when its content type names no version. */
  readonly version: Version | undefined;
  /** Retries so far, by the word of the sender. */
  readonly attempt: number;
}

const WRITTEN = 'x-prometheus-remote-write';
const MAX_RETRY_MS = 96_000;
const MAX_DOUBLINGS = 4;

/** What was taken of a request. */
interface Written {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

const NOTHING: Written = { samples: 0, histograms: 0, exemplars: 0 };

/** The answer to a request that was processed. */
export function replyOf({ outcome, counts = {} }: Reply, asked: Asked): HttpReply {
  if (outcome.kind === 'retry' || outcome.kind === 'rejected') return refusalReply(outcome, asked);
  const refused = counts['refused'] ?? 0;
  const lost = outcome.kind === 'partial' ? outcome.rejected : 0;
  const written = withoutLost(
    {
      samples: counts['samples'] ?? 0,
      histograms: counts['histograms'] ?? 0,
      exemplars: counts['exemplars'] ?? 0,
    },
    lost - (counts['refusedItems'] ?? 0),
  );
  const headers = writtenHeaders(written, asked);
  if (outcome.kind === 'accepted' && refused === 0) return { status: 204, headers };
  const message =
    outcome.kind === 'partial'
      ? outcome.message
      : `${refused} exemplars, metadata entries or empty series are not valid and were not taken; the rest was`;
  return textReply(400, message, headers);
}

/** The answer to a request of which nothing was taken. */
export function refusalReply(outcome: Outcome, asked: Asked): HttpReply {
  const { http, message, retryAfterMs } = statusOf(outcome);
  const headers = writtenHeaders(NOTHING, asked);
  if (retryAfterMs !== undefined)
    headers['retry-after'] = formatRetryAfter(backedOff(retryAfterMs, asked.attempt));
  // Prometheus drops what is answered 429 unless told otherwise, and the room will be free again.
  const isRoom = outcome.kind === 'retry' && outcome.scope === 'tenant_room';
  return textReply(isRoom ? 503 : http, message, headers);
}

/** Senders that tried often are asked to wait longer, and not all of them equally long. */
function backedOff(afterMs: number, attempt: number): number {
  if (attempt === 0) return afterMs;
  const doubled = afterMs * 2 ** Math.min(attempt, MAX_DOUBLINGS);
  const spread = doubled * (0.5 + Math.random());
  return Math.max(afterMs, Math.min(MAX_RETRY_MS, spread));
}

/** A destination says how many items it refused and not which: samples are taken for them first. */
function withoutLost(written: Written, lost: number): Written {
  if (lost <= 0) return written;
  const samples = Math.max(0, written.samples - lost);
  const rest = lost - (written.samples - samples);
  return { ...written, samples, histograms: Math.max(0, written.histograms - rest) };
}

/** On 2.0 after success and failure; a sender of 1.0 must not see them. */
function writtenHeaders(written: Written, { version }: Asked): Record<string, string> {
  if (version !== 'v2') return {};
  return {
    [`${WRITTEN}-samples-written`]: String(written.samples),
    [`${WRITTEN}-histograms-written`]: String(written.histograms),
    [`${WRITTEN}-exemplars-written`]: String(written.exemplars),
  };
}

function textReply(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>>,
): HttpReply {
  return {
    status,
    headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' },
    body: Buffer.from(`${message}\n`),
  };
}
