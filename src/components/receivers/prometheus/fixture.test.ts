import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Intake, Permit, RawRequest, Reply } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { decodeChunk, type Seen } from '../../../formats/prometheus/scrape/fixture.test.ts';
import { PrometheusReceiver } from './receiver.ts';
import { settings } from './settings.ts';

export const STALE = '7ff0000000000002';

/** One scrape as it was submitted. */
export interface Submitted {
  readonly tenant: string;
  readonly items: number;
  readonly series: readonly Seen[];
  /** The series of one name without its name, and its value. */
  of(name: string): readonly Seen[];
}

/** The far end of a receiver in tests: takes what is scraped, and refuses on demand. */
export class FakeIntake implements Intake {
  readonly submitted: Submitted[] = [];
  readonly refusals: Outcome[] = [];
  onAdmit: Outcome | undefined;
  onResize: ((bytes: number) => Outcome | undefined) | undefined;
  outcome: Outcome = ACCEPTED;
  held = 0;
  receiver: PrometheusReceiver | undefined;
  readonly #waiting = new Set<() => void>();

  admit(): Permit | Outcome {
    if (this.onAdmit !== undefined) return this.onAdmit;
    let released = false;
    this.held++;
    return {
      resize: (bytes) => this.onResize?.(bytes),
      release: () => {
        if (!released) this.held--;
        released = true;
      },
    };
  }

  async submit(request: RawRequest, permit: Permit): Promise<Reply> {
    permit.release();
    const { batch } = this.receiver!.decode(request);
    const series = decodeChunk(batch!.chunks[0]!);
    const of = (name: string) =>
      series.filter(({ labels }) => labels.split('|').includes(`__name__=${name}`));
    this.submitted.push({ tenant: batch!.origin.tenant, items: batch!.items, series, of });
    for (const wake of this.#waiting) wake();
    return { outcome: this.outcome };
  }

  refused(_signal: unknown, _tenant: string, outcome: Outcome): void {
    this.refusals.push(outcome);
    for (const wake of this.#waiting) wake();
  }

  tenantOf(): string {
    return 'default';
  }

  /** Resolves once something is true, which is looked at whenever something was submitted. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** The next scrape of which something holds, among those from now on. */
  async next(holds: (scrape: Submitted) => boolean = () => true): Promise<Submitted> {
    const from = this.submitted.length;
    const find = () => this.submitted.slice(from).find(holds);
    await this.until(() => find() !== undefined);
    return find()!;
  }
}

/** A receiver that scrapes, and how to stop it. */
export interface Running extends AsyncDisposable {
  readonly intake: FakeIntake;
  readonly receiver: PrometheusReceiver;
  readonly counted: Map<string, number>;
  targets(): readonly Record<string, unknown>[];
}

/** Starts a receiver with these jobs, each scraped every 200 ms unless it says otherwise. */
export async function startReceiver(
  jobs: readonly object[],
  more: { readonly section?: object; readonly shard?: Context['shard']; global?: object } = {},
): Promise<Running> {
  const intake = new FakeIntake();
  const counted = new Map<string, number>();
  const global = { scrape_interval: '200ms', ...more.global };
  const config = settings.parse({ config: { global, scrape_configs: jobs }, ...more.section });
  let read: () => readonly unknown[] = () => [];
  const context = fakeContext(counted, more.shard ?? { index: 0, count: 1 });
  const receiver = new PrometheusReceiver(config, intake, {
    ...context,
    report: (_topic, reader) => {
      read = reader;
    },
  });
  intake.receiver = receiver;
  await receiver.start();
  return {
    intake,
    receiver,
    counted,
    targets: () => read() as readonly Record<string, unknown>[],
    [Symbol.asyncDispose]: () => receiver.stop(AbortSignal.timeout(1000)),
  };
}

function fakeContext(counted: Map<string, number>, shard: Context['shard']): Context {
  const nothing = (): void => undefined;
  const instrument = (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const key = [name, ...Object.values(labels)].join(' ');
    return {
      add: (amount: number) => void counted.set(key, (counted.get(key) ?? 0) + amount),
      set: (value: number) => void counted.set(key, value),
    };
  };
  return {
    id: 'receivers/prometheus/test',
    version: '1.2.3',
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    meter: {
      counter: (name, _help, labels) => instrument(name, labels),
      gauge: (name, _help, labels) => instrument(name, labels),
      histogram: () => ({ record: nothing }),
    },
    clock: {
      now: () => performance.timeOrigin + performance.now(),
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
    },
    shard,
  };
}

/** A server whose page a test writes. */
export interface TestServer extends AsyncDisposable {
  /** host:port. */
  readonly address: string;
  readonly requests: http.IncomingMessage[];
  /** What is answered: a page, or what to do. */
  page: string | http.RequestListener;
}

export async function startServer(page: TestServer['page']): Promise<TestServer> {
  const server = http.createServer((request, response) => {
    running.requests.push(request);
    if (typeof running.page !== 'string') {
      running.page(request, response);
      return;
    }
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(running.page);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const running: TestServer = {
    address: `127.0.0.1:${port}`,
    requests: [],
    page,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return running;
}

/** A job with one target. */
export function jobOf({ address }: Pick<TestServer, 'address'>, more: object = {}): object {
  return { job_name: 'test', static_configs: [{ targets: [address] }], ...more };
}
