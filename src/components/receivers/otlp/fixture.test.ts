import type { Batch, Signal } from '../../../contract/batch.ts';
import type {
  HeaderLookup,
  Intake,
  Permit,
  RawRequest,
  Reply,
} from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { OtlpReceiver } from './receiver.ts';
import { settings } from './settings.ts';

/** The far end of a receiver in tests: takes what is decoded, and refuses on demand. */
export class FakeIntake implements Intake {
  readonly batches: Batch[] = [];
  readonly requests: RawRequest[] = [];
  readonly refusals: { signal: Signal | undefined; tenant: string; outcome: Outcome }[] = [];
  /** What `admit`, `resize` and the pipeline answer. */
  onAdmit: Outcome | undefined;
  onResize: ((bytes: number) => Outcome | undefined) | undefined;
  onConsume: () => Outcome | Promise<Outcome> = () => ACCEPTED;
  admitted: number[] = [];
  held = 0;
  receiver: OtlpReceiver | undefined;
  #waiting: (() => void)[] = [];

  admit(_tenant: string, bytes: number): Permit | Outcome {
    if (this.onAdmit !== undefined) return this.onAdmit;
    this.admitted.push(bytes);
    let released = false;
    this.held++;
    return {
      resize: (size) => this.onResize?.(size),
      release: () => {
        if (!released) this.held--;
        released = true;
        this.#changed();
      },
    };
  }

  async submit(request: RawRequest, permit: Permit): Promise<Reply> {
    this.requests.push(request);
    try {
      const decoded = await this.receiver?.decode(request, permit);
      if (decoded === undefined || 'kind' in decoded) return { outcome: decoded ?? ACCEPTED };
      if (decoded.batch !== undefined) this.batches.push(decoded.batch);
      const outcome = await this.onConsume();
      if (outcome.kind !== 'accepted' || decoded.refused === undefined) return { outcome };
      const { items, reason, message } = decoded.refused;
      return { outcome: { kind: 'partial', rejected: items, reason, message } };
    } finally {
      permit.release();
      this.#changed();
    }
  }

  refused(signal: Signal | undefined, tenant: string, outcome: Outcome): void {
    this.refusals.push({ signal, tenant, outcome });
    this.#changed();
  }

  tenantOf(headers: HeaderLookup): string | Outcome {
    const [tenant, ...more] = headers('x-scope-orgid');
    if (more.length === 0) return tenant ?? 'default';
    return { kind: 'rejected', reason: 'tenant_invalid', message: 'two tenants' };
  }

  /** Resolves once `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

const NOTHING = { add: () => {}, set: () => {}, record: () => {} };

/** A context that remembers what was logged. */
export function fakeContext(logged: string[] = []): Context {
  const log = (message: string, fields?: object) =>
    void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  return {
    id: 'receivers/otlp/test',
    version: '0.0.0',
    log: { debug: log, info: log, warn: log, error: log },
    meter: { counter: () => NOTHING, gauge: () => NOTHING, histogram: () => NOTHING },
    clock: { now: () => Date.now(), after: () => () => {} },
    shard: { index: 0, count: 1 },
  };
}

/** A receiver that listens, its far end, and how to stop both. */
export interface Running extends AsyncDisposable {
  readonly receiver: OtlpReceiver;
  readonly intake: FakeIntake;
  readonly logged: string[];
  readonly url: string;
}

/** Starts a receiver from a section as users write it; ports are chosen by the system. */
export async function startReceiver(section: {
  grpc?: Record<string, unknown>;
  http?: Record<string, unknown>;
}): Promise<Running> {
  const endpoint = '127.0.0.1:0';
  const protocols = {
    ...(section.grpc === undefined ? {} : { grpc: { endpoint, ...section.grpc } }),
    ...(section.http === undefined ? {} : { http: { endpoint, ...section.http } }),
  };
  const intake = new FakeIntake();
  const logged: string[] = [];
  const receiver = new OtlpReceiver(settings.parse({ protocols }), intake, fakeContext(logged));
  intake.receiver = receiver;
  await receiver.start();
  return {
    receiver,
    intake,
    logged,
    url: `http://127.0.0.1:${receiver.httpPort}`,
    [Symbol.asyncDispose]: () => receiver.stop(AbortSignal.timeout(200)),
  };
}
