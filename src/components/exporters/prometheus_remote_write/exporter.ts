import type { Batch } from '../../../contract/batch.ts';
import type { Exporter, SeriesOrder } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { InFlight } from '../../../net/client/in-flight.ts';
import { ClientTls } from '../../../net/client-tls.ts';
import { headerProblem, HttpClient } from '../../../net/http-client.ts';
import { Backend, type Omitted } from './sending/backend.ts';
import { Backends } from './sending/backends.ts';
import { Journey } from './sending/journey.ts';
import { type Config, endpointsOf } from './settings.ts';

/** Batches are joined up to this size while they wait. */
const JOIN_BYTES = 2 * 1024 * 1024;

/** Posts batches of the `prometheus` form to one or several remote-write endpoints. */
export class RemoteWriteExporter implements Exporter {
  readonly seriesOrder: SeriesOrder;
  readonly #config: Config;
  readonly #context: Context;
  readonly #client: HttpClient;
  readonly #inFlight = new InFlight();
  readonly #journeys = new WeakMap<Batch, Journey>();
  readonly #endpoints: readonly Backend[];
  readonly #backends: Backends;

  constructor(config: Config, context: Context) {
    this.#config = config;
    this.#context = context;
    this.#client = new HttpClient({
      maxConnsPerHost: config.max_conns_per_host,
      maxIdleConns: config.max_idle_conns,
      idleConnTimeoutMs: config.idle_conn_timeout,
      keepAlive: !config.disable_keep_alives,
      tls: new ClientTls(config.tls),
      ...(config.proxy_url === undefined ? {} : { proxyUrl: config.proxy_url }),
    });
    const urls = endpointsOf(config);
    const parts = { client: this.#client, omitted: omittedOf(context) };
    this.#endpoints = urls.map((url) => new Backend(url, config, context, parts));
    const backends = new Backends(urls, config.rehash_after, context.clock);
    this.#backends = backends;
    const { max_batch_size_bytes: most } = config;
    this.seriesOrder = {
      backends: backends.count,
      backendOf: (hash) => backends.of(hash),
      requestBytes: most === 0 ? JOIN_BYTES : Math.min(JOIN_BYTES, most),
    };
  }

  send(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    if (!this.#inFlight.stopped) return this.#inFlight.run(() => this.#attempt(batch, signal));
    return Promise.resolve({ kind: 'retry', reason: 'stopping', message: 'the exporter stops' });
  }

  /** Lets requests under way finish until `deadline`; what is left then ends as `retry`. */
  async stop(deadline?: AbortSignal): Promise<void> {
    await this.#inFlight.stop(deadline);
    this.#client.close();
  }

  async #attempt(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    if (batch.form !== 'prometheus') {
      const message = `cannot send ${batch.form} data as remote-write`;
      return { kind: 'rejected', reason: 'wrong_form', message, fault: 'internal' };
    }
    const refusal = this.#tenantRefusal(batch);
    if (refusal !== undefined) return refusal;
    const journey = await this.#journeyOf(batch);
    const headers = this.#headersOf(batch, journey.attempts);
    const travelled = this.#travel(journey, headers, signal);
    journey.attempt = travelled.catch(() => {});
    const outcome = await travelled;
    if (outcome.kind !== 'retry') this.#journeys.delete(batch);
    return outcome;
  }

  /** An attempt that ran out of time may still hold the batch for a moment. */
  async #journeyOf(batch: Batch): Promise<Journey> {
    await this.#journeys.get(batch)?.attempt;
    let journey = this.#journeys.get(batch);
    if (journey === undefined) {
      journey = new Journey(batch, this.#backends, this.#config.max_batch_size_bytes);
      this.#journeys.set(batch, journey);
    }
    return journey;
  }

  async #travel(
    journey: Journey,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    let retry: Outcome | undefined;
    for (const { backend, leg } of journey.legs()) {
      this.#backends.tried(backend);
      const outcome = await this.#endpoints[backend]!.travel(leg, headers, signal);
      if (outcome === undefined) journey.arrived(leg);
      retry ??= outcome;
      this.#watch(backend, outcome);
    }
    return retry ?? journey.outcome();
  }

  /** What an attempt says about the backend. One that asks for patience is there. */
  #watch(backend: number, outcome: Outcome | undefined): void {
    if (this.#backends.count === 1) return;
    const { url } = this.#endpoints[backend]!;
    const { log } = this.#context;
    if (outcome?.kind !== 'retry' || outcome.reason === 'http_429') {
      if (this.#backends.answered(backend)) log.info('its series go to it again', { url });
    } else if (this.#backends.failed(backend)) {
      log.warn('its series go to the other endpoints', { url, because: outcome.message });
    }
  }

  #headersOf({ origin }: Batch, retries: number): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    if (retries > 0) headers['retry-attempt'] = String(retries);
    const name = this.#config.tenant_header;
    if (name !== undefined) headers[name] = origin.tenant;
    return headers;
  }

  #tenantRefusal({ origin: { tenant } }: Batch): Outcome | undefined {
    const name = this.#config.tenant_header;
    const wrong = name === undefined ? undefined : headerProblem(name, tenant);
    if (wrong === undefined) return undefined;
    const message = `cannot send tenant ${JSON.stringify(tenant)}: ${name} ${wrong}`;
    return { kind: 'rejected', reason: 'invalid_tenant', message };
  }
}

function omittedOf({ meter }: Context): Omitted {
  const omitted = (what: string) =>
    meter.counter(
      'exporter_remote_write_omitted',
      'Start timestamps and metadata that the version of remote-write has no words for.',
      { what },
    );
  return { startTimestamps: omitted('start_timestamp'), metadata: omitted('metadata') };
}
