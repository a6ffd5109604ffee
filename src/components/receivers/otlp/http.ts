import type { Bytes, Signal } from '../../../contract/batch.ts';
import type { Permit } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { encodeStatus } from '../../../formats/otlp/reply/status.ts';
import {
  encodePartialSuccess,
  type ReplyFormat,
} from '../../../formats/otlp/reply/partial-success.ts';
import { codingOf } from '../../../net/codec/codings.ts';
import { tooLarge, unsupported } from '../../../net/decompress.ts';
import type { Abandoned, HttpHead, HttpReply, HttpUpload, Unanswered } from '../../../net/http.ts';
import {
  abandonedBody,
  metadataOf,
  NO_METADATA,
  notFound,
  WRONG_METHOD,
  wrongMethod,
} from '../../../net/listen/requests.ts';
import { formatRetryAfter, GRPC, statusOf } from '../../../net/status.ts';
import type { Described, Service } from './service.ts';
import type { HttpConfig } from './settings.ts';

const MEDIA_TYPES: Readonly<Record<ReplyFormat, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** OTLP over HTTP: one POST per request, answered in the encoding it came in. */
export class OtlpHttp {
  readonly #config: HttpConfig;
  readonly #service: Service;

  constructor(config: HttpConfig, service: Service) {
    this.#config = config;
    this.#service = service;
  }

  /** The handler for `HttpServer`. `announced` is the body's length, -1 when nobody said. */
  handle(head: HttpHead, announced: number): HttpReply | HttpUpload {
    const signal = this.#config.paths.get(head.path);
    const format = formatOf(head.headers('content-type')[0]);
    // Who sends neither is most likely a person with curl: JSON is readable.
    const answerIn = format ?? 'json';
    if (signal === undefined)
      return this.#refuse(undefined, '', notFound(head.path, SERVED), answerIn);
    const tenant = this.#service.intake.tenantOf(head.headers);
    if (typeof tenant !== 'string') return this.#refuse(signal, '', tenant, answerIn);
    const refusal = this.#admissible(head, announced, format);
    if (refusal !== undefined || format === undefined) {
      return this.#refuse(signal, tenant, refusal ?? UNSUPPORTED_TYPE, answerIn);
    }
    const permit = this.#service.intake.admit(tenant, Math.max(0, announced), signal);
    if ('kind' in permit) return this.#refuse(signal, tenant, permit, format);
    const { includeMetadata, maxBytes } = this.#config;
    const encoding = codingOf(head.headers('content-encoding')[0]);
    const request: HttpRequest = {
      signal,
      format,
      tenant,
      encoding,
      metadata: includeMetadata ? metadataOf(head.headerNames, head.headers) : NO_METADATA,
      ...(head.clientAddress === undefined ? {} : { clientAddress: head.clientAddress }),
    };
    return new Upload(request, permit, maxBytes, this.#service);
  }

  /** Why a request cannot be taken, as far as its head tells. */
  #admissible(
    head: HttpHead,
    announced: number,
    format: ReplyFormat | undefined,
  ): Outcome | undefined {
    if (head.method !== 'POST') return wrongMethod(head.method);
    if (format === undefined) return UNSUPPORTED_TYPE;
    const codings = head.headers('content-encoding');
    const coding = codingOf(codings[0]);
    const known = coding === 'identity' || this.#config.codings.has(coding);
    if (codings.length > 1 || !known) return unsupported(codings.join(', '));
    const { maxBytes } = this.#config;
    return announced > maxBytes ? tooLarge(maxBytes) : undefined;
  }

  #refuse(
    signal: Signal | undefined,
    tenant: string,
    outcome: Outcome,
    format: ReplyFormat,
  ): HttpReply {
    this.#service.intake.refused(signal, tenant, outcome);
    const reply = refusalReply(outcome, format);
    if (outcome.kind !== 'rejected' || outcome.reason !== WRONG_METHOD) return reply;
    return { ...reply, status: 405, headers: { ...reply.headers, allow: 'POST' } };
  }
}

/** The answer to a request that is not HTTP, came too slowly or met a bug. */
export function replyTo({ status, message, contentType }: Unanswered): HttpReply {
  const format = formatOf(contentType) ?? 'json';
  const code = status === 500 ? GRPC.internal : GRPC.invalidArgument;
  const headers = { 'content-type': MEDIA_TYPES[format] };
  return { status, headers, body: encodeStatus(format, { code, message }) };
}

/** What the head of an HTTP request says. */
interface HttpRequest extends Described {
  readonly format: ReplyFormat;
  readonly encoding: string;
}

/** A request that was admitted and whose body is on its way. */
class Upload implements HttpUpload {
  readonly maxBytes: number;
  readonly #request: HttpRequest;
  readonly #permit: Permit;
  readonly #service: Service;

  constructor(request: HttpRequest, permit: Permit, maxBytes: number, service: Service) {
    this.#request = request;
    this.#permit = permit;
    this.#service = service;
    this.maxBytes = maxBytes;
  }

  grow(bytes: number): HttpReply | undefined {
    const refusal = this.#permit.resize(bytes);
    if (refusal === undefined) return undefined;
    this.#service.intake.refused(this.#request.signal, this.#request.tenant, refusal);
    return refusalReply(refusal, this.#request.format);
  }

  async complete(body: Bytes): Promise<HttpReply> {
    const { signal, format } = this.#request;
    let outcome: Outcome;
    try {
      const receivedAt = this.#service.now();
      const request = { ...this.#request, body, receivedAt };
      ({ outcome } = await this.#service.intake.submit(request, this.#permit));
    } catch (error) {
      this.#permit.release();
      outcome = this.#service.failed(error);
    }
    if (outcome.kind === 'accepted') return FULL_SUCCESS[format];
    if (outcome.kind !== 'partial') return refusalReply(outcome, format);
    return {
      status: 200,
      headers: { 'content-type': MEDIA_TYPES[format] },
      body: encodePartialSuccess(signal, format, outcome.rejected, outcome.message),
    };
  }

  abandoned(why: Abandoned): HttpReply | undefined {
    this.#permit.release();
    if (why === 'refused') return undefined;
    const { signal, tenant, format } = this.#request;
    const outcome = abandonedBody(why, this.maxBytes);
    this.#service.intake.refused(signal, tenant, outcome);
    return refusalReply(outcome, format);
  }
}

/** An answer that is the same for every request taken whole. */
function fullSuccess(format: ReplyFormat): HttpReply {
  return {
    status: 200,
    headers: { 'content-type': MEDIA_TYPES[format] },
    body: encodePartialSuccess('traces', format, 0, ''),
  };
}

const FULL_SUCCESS: Readonly<Record<ReplyFormat, HttpReply>> = {
  protobuf: fullSuccess('protobuf'),
  json: fullSuccess('json'),
};

/** A refusal as HTTP says it: status, Retry-After and a `google.rpc.Status`. */
function refusalReply(outcome: Outcome, format: ReplyFormat): HttpReply {
  const { http, grpc, message, retryAfterMs } = statusOf(outcome);
  const status = { code: grpc, message };
  const headers: Record<string, string> = { 'content-type': MEDIA_TYPES[format] };
  if (retryAfterMs !== undefined) headers['retry-after'] = formatRetryAfter(retryAfterMs);
  const body = encodeStatus(
    format,
    retryAfterMs === undefined ? status : { ...status, retryAfterMs },
  );
  return { status: http, headers, body };
}

/** The encoding a media type names, whatever its case and parameters. */
function formatOf(contentType: string | undefined): ReplyFormat | undefined {
  if (contentType === MEDIA_TYPES.protobuf) return 'protobuf';
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === MEDIA_TYPES.protobuf) return 'protobuf';
  return type === MEDIA_TYPES.json ? 'json' : undefined;
}

const SERVED = '/v1/traces, /v1/metrics or /v1/logs';

const UNSUPPORTED_TYPE: Outcome = {
  kind: 'rejected',
  reason: 'unsupported_media_type',
  message: `content-type must be ${MEDIA_TYPES.protobuf} or ${MEDIA_TYPES.json}`,
  fault: 'unsupported',
};
