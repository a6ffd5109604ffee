import type { Decoded, Intake, Permit, RawRequest, Receiver } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { withCors, withReplyHeaders } from '../../../net/cors.ts';
import { CODINGS } from '../../../net/codec/codings.ts';
import { badHttp } from '../../../net/listen/requests.ts';
import { GrpcServer } from '../../../net/grpc-server.ts';
import type { HttpHandler } from '../../../net/http.ts';
import { HttpServer } from '../../../net/http-server.ts';
import type { ListenOptions } from '../../../net/listen/listener.ts';
import { ServerTls } from '../../../net/listen/server-tls.ts';
import { decode } from './decode.ts';
import { OtlpGrpc } from './grpc.ts';
import { OtlpHttp, replyTo } from './http.ts';
import type { Service } from './service.ts';
import type { Config, GrpcConfig, HttpConfig } from './settings.ts';

/** Receives OTLP over gRPC and HTTP. */
export class OtlpReceiver implements Receiver {
  readonly #config: Config;
  readonly #context: Context;
  readonly #grpc: GrpcServer | undefined;
  readonly #http: HttpServer | undefined;
  readonly #id: string;

  constructor(config: Config, intake: Intake, context: Context) {
    this.#config = config;
    this.#context = context;
    this.#id = context.id.replace(/^receivers\//, '');
    const service: Service = {
      intake,
      now: () => context.clock.now(),
      failed: (error) => this.#failed(error),
    };
    if (config.grpc !== undefined && this.#listens(config.grpc)) {
      this.#grpc = this.#grpcServer(config.grpc, service);
    }
    if (config.http !== undefined && this.#listens(config.http)) {
      this.#http = this.#httpServer(config.http, service);
    }
  }

  /** Port of the gRPC protocol; 0 when it does not listen on one here. */
  get grpcPort(): number {
    return this.#grpc?.port ?? 0;
  }

  /** Port of the HTTP protocol; 0 when it does not listen on one here. */
  get httpPort(): number {
    return this.#http?.port ?? 0;
  }

  async start(): Promise<void> {
    await Promise.all([this.#grpc?.start(), this.#http?.start()]);
  }

  async stop(deadline: AbortSignal): Promise<void> {
    await Promise.all([this.#grpc?.stop(deadline), this.#http?.stop(deadline)]);
  }

  decode(request: RawRequest, permit: Permit): Decoded | Outcome | Promise<Decoded | Outcome> {
    const { grpc, http } = this.#config;
    const maxBytes = (request.format === 'grpc' ? grpc : (http ?? grpc))?.maxBytes ?? 0;
    return decode(request, permit, { receiver: this.#id, maxBytes });
  }

  #grpcServer(config: GrpcConfig, service: Service): GrpcServer {
    const otlp = new OtlpGrpc(config, service);
    return new GrpcServer({
      listen: this.#listenOptions(config),
      limits: config.limits,
      handler: (head) => otlp.handle(head),
      encodings: CODINGS,
      failed: (error) => this.#failed(error),
      refused: (status, message) => {
        service.intake.refused(undefined, '', badHttp(status, message), 'grpc');
      },
    });
  }

  #httpServer(config: HttpConfig, service: Service): HttpServer {
    const otlp = new OtlpHttp(config, service);
    let handler: HttpHandler = (head, announced) => otlp.handle(head, announced);
    if (config.cors !== undefined) handler = withCors(handler, config.cors);
    if (Object.keys(config.responseHeaders).length > 0) {
      handler = withReplyHeaders(handler, () => config.responseHeaders);
    }
    return new HttpServer({
      listen: this.#listenOptions(config),
      limits: config.limits,
      handler,
      failed: (error) => this.#failed(error),
      refused: (status, message) => {
        service.intake.refused(undefined, '', badHttp(status, message));
      },
      answerTo: replyTo,
    });
  }

  #listens({ transport }: HttpConfig | GrpcConfig): boolean {
    const { shard, listen = 'alone' } = this.#context;
    return transport === 'unix' ? shard.index === 0 : listen !== 'none';
  }

  #listenOptions({ address, transport, tls }: HttpConfig | GrpcConfig): ListenOptions {
    return {
      address,
      transport,
      reusePort: this.#context.listen === 'shared',
      ...(tls === undefined ? {} : { tls: new ServerTls(tls, this.#context.log) }),
    };
  }

  #failed(error: unknown): Outcome {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#context.log.error('bug: a request could not be handled', { reason });
    return { kind: 'rejected', reason: 'bug', message: 'internal error', fault: 'internal' };
  }
}
