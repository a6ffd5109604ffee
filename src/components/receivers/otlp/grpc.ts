import type { Bytes, Signal } from '../../../contract/batch.ts';
import type { Permit } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { encodeStatus } from '../../../formats/otlp/reply/status.ts';
import { encodePartialSuccess } from '../../../formats/otlp/reply/partial-success.ts';
import type { GrpcCall, GrpcHead, GrpcReply } from '../../../net/grpc.ts';
import { GRPC, statusOf } from '../../../net/status.ts';
import { abandonedBody, metadataOf, NO_METADATA } from '../../../net/listen/requests.ts';
import type { Described, Service } from './service.ts';
import type { GrpcConfig } from './settings.ts';

const METHODS: ReadonlyMap<string, Signal> = new Map([
  ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', 'traces'],
  ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
  ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
]);
const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
const MAX_HEALTH_REQUEST = 1024;

// message HealthCheckResponse { ServingStatus status = 1; } where SERVING = 1
const SERVING: GrpcReply = { code: GRPC.ok, body: new Uint8Array([8, 1]) };

/** OTLP over gRPC: the three Export methods, and the health check that load balancers ask. */
export class OtlpGrpc {
  readonly #config: GrpcConfig;
  readonly #service: Service;

  constructor(config: GrpcConfig, service: Service) {
    this.#config = config;
    this.#service = service;
  }

  /** The handler for `GrpcServer`. */
  handle(head: GrpcHead): GrpcReply | GrpcCall {
    const signal = METHODS.get(head.path);
    const { intake } = this.#service;
    if (signal === undefined) {
      if (head.path === HEALTH_CHECK) return HEALTH;
      return this.#refuse(undefined, '', unknownMethod(head.path));
    }
    const tenant = intake.tenantOf(head.metadata);
    if (typeof tenant !== 'string') return this.#refuse(signal, '', tenant);
    const permit = intake.admit(tenant, 0, signal);
    if ('kind' in permit) return this.#refuse(signal, tenant, permit);
    const { includeMetadata, maxBytes } = this.#config;
    const request: Described = {
      signal,
      format: 'grpc',
      transport: 'grpc',
      tenant,
      metadata: includeMetadata ? metadataOf(head.metadataNames, head.metadata) : NO_METADATA,
      ...(head.clientAddress === undefined ? {} : { clientAddress: head.clientAddress }),
    };
    return new ExportCall(request, permit, maxBytes, this.#service);
  }

  #refuse(signal: Signal | undefined, tenant: string, outcome: Outcome): GrpcReply {
    this.#service.intake.refused(signal, tenant, outcome, 'grpc');
    return refusalReply(outcome);
  }
}

/** An Export call that was admitted and whose message is on its way. */
class ExportCall implements GrpcCall {
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

  reserve(bytes: number): GrpcReply | undefined {
    const refusal = this.#permit.resize(bytes);
    if (refusal === undefined) return undefined;
    const { signal, tenant } = this.#request;
    this.#service.intake.refused(signal, tenant, refusal, 'grpc');
    return refusalReply(refusal);
  }

  async complete(body: Bytes, encoding: string): Promise<GrpcReply> {
    let outcome: Outcome;
    try {
      const receivedAt = this.#service.now();
      const request = { ...this.#request, body, encoding, receivedAt };
      ({ outcome } = await this.#service.intake.submit(request, this.#permit));
    } catch (error) {
      this.#permit.release();
      outcome = this.#service.failed(error);
    }
    if (outcome.kind === 'accepted') return ACCEPTED_REPLY;
    if (outcome.kind !== 'partial') return refusalReply(outcome);
    const { rejected, message } = outcome;
    const { signal } = this.#request;
    return { code: GRPC.ok, body: encodePartialSuccess(signal, 'protobuf', rejected, message) };
  }

  abandoned(why: 'too_large' | 'refused' | 'malformed' | 'gone'): GrpcReply | undefined {
    this.#permit.release();
    if (why === 'refused') return undefined;
    const { signal, tenant } = this.#request;
    const outcome = why === 'malformed' ? MALFORMED : abandonedBody(why, this.maxBytes);
    this.#service.intake.refused(signal, tenant, outcome, 'grpc');
    return refusalReply(outcome);
  }
}

const HEALTH: GrpcCall = {
  maxBytes: MAX_HEALTH_REQUEST,
  reserve: () => undefined,
  complete: () => Promise.resolve(SERVING),
  abandoned: () => undefined,
};

const ACCEPTED_REPLY: GrpcReply = { code: GRPC.ok };

const MALFORMED: Outcome = {
  kind: 'rejected',
  reason: 'malformed_grpc',
  message: 'the call does not have exactly one well-formed message',
};

/** A refusal as gRPC says it: code, message, and the same with RetryInfo in the details. */
function refusalReply(outcome: Outcome): GrpcReply {
  const { grpc: code, message, retryAfterMs } = statusOf(outcome);
  if (retryAfterMs === undefined) return { code, message };
  return { code, message, details: encodeStatus('protobuf', { code, message, retryAfterMs }) };
}

function unknownMethod(path: string): Outcome {
  const message = `unknown method ${path.slice(0, 128)}`;
  return { kind: 'rejected', reason: 'unknown_path', message, fault: 'unimplemented' };
}
