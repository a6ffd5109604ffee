import type { ClientHttp2Session } from 'node:http2';
import type { TestContext } from 'node:test';
import { freePorts, type Gateway, startGateway } from '../../ends/gateway.ts';
import { Backend } from './backend.ts';
import { type Extras, grpcLane, httpLane, type Lane, openSession, type Address } from './lanes.ts';

/** Whether the long forms are asked for, by hand. */
export const LONG = process.env['MILLRACE_LONG'] === '1';

/** A gateway whose ports are known. */
export interface Placed {
  readonly gateway: Gateway;
  readonly http: number;
  readonly grpc: number;
  /** The page of self-metrics. */
  readonly page: () => Promise<string>;
  readonly output: () => string;
}

/** What a gateway is told besides where to listen. */
export interface Plan {
  /** Lines under `exporters:`, indented by two. */
  readonly exporters: string;
  /** Ids of them, as they stand in the pipelines. */
  readonly to: string;
  /** Lines under `service:`, indented by two. */
  readonly service?: string;
  /** Keys of the pipelines beside receivers and exporters, in flow style. */
  readonly pipeline?: string;
  /** Keys of the HTTP protocol beside the endpoint, in flow style. */
  readonly http?: string;
}

/** The YAML of a plan. */
export function yamlOf(plan: Plan, ports: readonly number[]): string {
  const [http = 0, grpc = 0, metrics = 0] = ports;
  const pipeline = `{ receivers: [otlp], exporters: [${plan.to}], ${plan.pipeline ?? ''} }`;
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${grpc}" }
      http: { endpoint: "127.0.0.1:${http}", ${plan.http ?? ''} }
exporters:
${plan.exporters}
service:
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
${plan.service ?? '  shards: 1'}
  pipelines:
    traces: ${pipeline}
    logs: ${pipeline}
`;
}

/** What one test starts; all of it ends with the test, however that ends. */
export class Scene {
  readonly #ends: (() => unknown)[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const end of this.#ends.toReversed()) await end();
    });
  }

  /** Called when the test is over, the last one first. */
  atEnd(end: () => unknown): void {
    this.#ends.push(end);
  }

  async backend(): Promise<Backend> {
    const backend = await Backend.start();
    this.atEnd(() => backend.close());
    return backend;
  }

  async gateway(plan: Plan): Promise<Placed> {
    const [http = 0, grpc = 0, metrics = 0] = await freePorts(3);
    return this.run(yamlOf(plan, [http, grpc, metrics]), { http, grpc, metrics });
  }

  async run(
    yaml: string,
    ports: { readonly http: number; readonly grpc: number; readonly metrics: number },
  ): Promise<Placed> {
    const { http, grpc, metrics } = ports;
    const gateway = await startGateway(yaml, [http, grpc, metrics]);
    this.atEnd(() => {
      gateway.kill('SIGKILL');
      return gateway.exited;
    });
    return {
      gateway,
      http,
      grpc,
      page: () => gateway.page(metrics, '/metrics'),
      output: () => gateway.output(),
    };
  }

  httpLanes(count: number, address: Address, extras?: Extras): Lane[] {
    const lanes = Array.from({ length: count }, () => httpLane(address, extras));
    this.atEnd(() => {
      for (const lane of lanes) lane.close();
    });
    return lanes;
  }

  async session(address: Address): Promise<ClientHttp2Session> {
    const session = await openSession(address);
    session.on('error', () => undefined);
    this.atEnd(() => session.destroy());
    return session;
  }

  /** Lanes over one connection. */
  async grpcLanes(count: number, address: Address, extras?: Extras): Promise<Lane[]> {
    const session = await this.session(address);
    return Array.from({ length: count }, () => grpcLane(session, extras));
  }
}
