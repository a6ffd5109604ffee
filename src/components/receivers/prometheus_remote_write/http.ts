import type { Bytes } from '../../../contract/batch.ts';
import type { Intake, Permit, Reply } from '../../../contract/component.ts';
import type { Metadata } from '../../../contract/batch.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { tooLarge } from '../../../net/decompress.ts';
import type { Abandoned, HttpHead, HttpReply, HttpUpload } from '../../../net/http.ts';
import {
  abandonedBody,
  metadataOf,
  NO_METADATA,
  notFound,
  wrongMethod,
} from '../../../net/listen/requests.ts';
import {
  isSnappy,
  retryAttempt,
  UNSUPPORTED_ENCODING,
  UNSUPPORTED_TYPE,
  type Version,
  versionOf,
} from './negotiation.ts';
import { refusalReply, replyOf } from './reply.ts';
import type { Config } from './settings.ts';

/** What handling a request takes beside its settings. */
export interface Service {
  readonly intake: Intake;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A request came that is not the first try. */
  retried(): void;
  /** A bug: logs it and answers what to tell the client. */
  failed(error: unknown): Outcome;
}

/** Remote-write over HTTP: one POST per request. */
export class RemoteWriteHttp {
  readonly #config: Config;
  readonly #service: Service;

  constructor(config: Config, service: Service) {
    this.#config = config;
    this.#service = service;
  }

  /** The handler for `HttpServer`. `announced` is the body's length, -1 when nobody said. */
  handle(head: HttpHead, announced: number): HttpReply | HttpUpload {
    const { intake } = this.#service;
    const version = versionOf(head.headers('content-type')[0]);
    const attempt = retryAttempt(head.headers('retry-attempt')[0]);
    if (attempt > 0) this.#service.retried();
    const refuse = (tenant: string, outcome: Outcome): HttpReply => {
      intake.refused('metrics', tenant, outcome);
      return refusalReply(outcome, { version, attempt });
    };
    if (head.path !== this.#config.path) return refuse('', notFound(head.path, this.#config.path));
    const tenant = intake.tenantOf(head.headers);
    if (typeof tenant !== 'string') return refuse('', tenant);
    if (head.method !== 'POST') {
      const reply = refuse(tenant, wrongMethod(head.method));
      return { ...reply, status: 405, headers: { ...reply.headers, allow: 'POST' } };
    }
    if (version === undefined) return refuse(tenant, UNSUPPORTED_TYPE);
    if (!isSnappy(head.headers('content-encoding'))) return refuse(tenant, UNSUPPORTED_ENCODING);
    const { maxBytes, includeMetadata } = this.#config;
    if (announced > maxBytes) return refuse(tenant, tooLarge(maxBytes));
    const permit = intake.admit(tenant, Math.max(0, announced), 'metrics');
    if ('kind' in permit) return refuse(tenant, permit);
    const request: Described = {
      version,
      attempt,
      tenant,
      metadata: includeMetadata ? metadataOf(head.headerNames, head.headers) : NO_METADATA,
      ...(head.clientAddress === undefined ? {} : { clientAddress: head.clientAddress }),
    };
    return new Upload(request, permit, maxBytes, this.#service);
  }
}

/** A request as its head describes it. */
interface Described {
  readonly version: Version;
  readonly attempt: number;
  readonly tenant: string;
  readonly metadata: Metadata;
  readonly clientAddress?: string;
}

/** A request that was admitted and whose body is on its way. */
class Upload implements HttpUpload {
  readonly maxBytes: number;
  readonly #request: Described;
  readonly #permit: Permit;
  readonly #service: Service;

  constructor(request: Described, permit: Permit, maxBytes: number, service: Service) {
    this.#request = request;
    this.#permit = permit;
    this.#service = service;
    this.maxBytes = maxBytes;
  }

  grow(bytes: number): HttpReply | undefined {
    const refusal = this.#permit.resize(bytes);
    return refusal === undefined ? undefined : this.#refuse(refusal);
  }

  async complete(body: Bytes): Promise<HttpReply> {
    const { version, attempt, ...described } = this.#request;
    let reply: Reply;
    try {
      const receivedAt = this.#service.now();
      reply = await this.#service.intake.submit(
        { ...described, signal: 'metrics', format: version, encoding: 'snappy', body, receivedAt },
        this.#permit,
      );
    } catch (error) {
      this.#permit.release();
      reply = { outcome: this.#service.failed(error) };
    }
    return replyOf(reply, { version, attempt });
  }

  abandoned(why: Abandoned): HttpReply | undefined {
    this.#permit.release();
    if (why === 'refused') return undefined;
    return this.#refuse(abandonedBody(why, this.maxBytes));
  }

  #refuse(outcome: Outcome): HttpReply {
    this.#service.intake.refused('metrics', this.#request.tenant, outcome);
    return refusalReply(outcome, this.#request);
  }
}
