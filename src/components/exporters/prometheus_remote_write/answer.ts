import type { Outcome } from '../../../contract/outcome.ts';
import type { HttpResponse } from '../../../net/http-client.ts';
import { outcomeOfHttp, parseRetryAfter } from '../../../net/status.ts';
import type { Version } from './version.ts';

type Rejected = Outcome & { kind: 'rejected' };
type Retry = Outcome & { kind: 'retry' };

/** What an answer means for the request. */
export type Verdict =
  /** Forget it; `lost` items of it were not written, because of `why`. */
  | { readonly kind: 'done'; readonly lost: number; readonly why?: Rejected }
  /** The backend does not speak this version: say it again in 1.0. */
  | { readonly kind: 'fall_back'; readonly because: string }
  /** Nothing was taken; when `divisible`, parts of it may be. */
  | { readonly kind: 'refused'; readonly why: Rejected; readonly divisible: boolean }
  | Retry;

/** What reading an answer needs to know of its request. */
export interface Asked {
  readonly version: Version;
  /** Samples and histograms in it. */
  readonly items: number;
  readonly exemplars: number;
  readonly retryOn429: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Statuses that may be about some series of a request and not about all of it. */
const DIVISIBLE: ReadonlySet<number> = new Set([400, 413, 422]);
const MAX_MESSAGE_BYTES = 1024;
const WRITTEN = 'x-prometheus-remote-write';

/** Reads an answer by its status and its Written headers; the body is for people alone. */
export function verdictOf(response: HttpResponse, asked: Asked): Verdict {
  const { status } = response;
  const written = asked.version === 'v2' ? writtenOf(response) : undefined;
  if (status >= 200 && status < 300) return successOf(written, asked);
  const hint = {
    message: textOf(response.body),
    retryAfterMs: parseRetryAfter(response.headers['retry-after'], asked.now),
  };
  if (status === 415 && asked.version === 'v2') {
    return { kind: 'fall_back', because: `it answered 415: ${hint.message}` };
  }
  // Every 5xx is worth a retry in this protocol, not only those of gateways.
  const outcome = outcomeOfHttp(status >= 500 ? 503 : status, hint);
  const why = rejectionOf(status, hint.message);
  if (outcome.kind === 'retry' && (status >= 500 || asked.retryOn429)) {
    return { ...outcome, reason: why.reason, message: why.message };
  }
  if (written !== undefined && written.items + written.exemplars > 0) {
    return { kind: 'done', lost: Math.max(0, asked.items - written.items), why };
  }
  return { kind: 'refused', why, divisible: DIVISIBLE.has(status) };
}

interface Written {
  readonly items: number;
  readonly exemplars: number;
}

function successOf(written: Written | undefined, asked: Asked): Verdict {
  if (asked.version === 'v1') return { kind: 'done', lost: 0 };
  if (written === undefined) {
    // A server of 1.0 reads a request of 2.0 as an empty one and is content.
    if (asked.items + asked.exemplars === 0) return { kind: 'done', lost: 0 };
    return { kind: 'fall_back', because: 'it accepted without saying what it wrote' };
  }
  const lost = Math.max(0, asked.items - written.items);
  if (lost === 0) return { kind: 'done', lost };
  const message = `the backend accepted and wrote ${written.items} of ${asked.items} items`;
  return { kind: 'done', lost, why: { kind: 'rejected', reason: 'not_written', message } };
}

function rejectionOf(status: number, message: string): Rejected {
  const outcome = outcomeOfHttp(status, { message });
  if (outcome.kind === 'rejected') return outcome;
  const text = outcome.kind === 'retry' ? outcome.message : message;
  return { kind: 'rejected', reason: `http_${status}`, message: text };
}

/** What the Written headers say; undefined when there is none of them. */
function writtenOf({ headers }: HttpResponse): Written | undefined {
  const [samples, histograms, exemplars] = ['samples', 'histograms', 'exemplars'].map((kind) => {
    const text = headers[`${WRITTEN}-${kind}-written`];
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  });
  if (samples === undefined && histograms === undefined && exemplars === undefined)
    return undefined;
  return { items: (samples ?? 0) + (histograms ?? 0), exemplars: exemplars ?? 0 };
}

function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, MAX_MESSAGE_BYTES)).trim();
}
