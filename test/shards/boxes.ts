/**
 * The smallest components that cross threads: a receiver that takes a number by HTTP and an
 * exporter that adds the numbers up. What arrived is read in the self-metrics.
 */
import http from 'node:http';
import { z } from 'zod';
import type {
  ExporterDefinition,
  Intake,
  RawRequest,
  Receiver,
  ReceiverDefinition,
} from '../../src/contract/component.ts';
import { batchOf } from '../../src/contract/batch.ts';
import type { Context, PeerAnswer } from '../../src/contract/context.ts';
import { ACCEPTED } from '../../src/contract/outcome.ts';
import type { Registry } from '../../src/contract/registry.ts';
import { splitHostPort } from '../../src/net/listen/listener.ts';

const boxSettings = z.strictObject({
  endpoint: z.string(),
  /** How long decoding one request keeps the thread busy. */
  burn_ms: z.number().default(0),
  /** Says nothing of its address to the probe. */
  hidden: z.boolean().default(false),
});
type BoxConfig = z.output<typeof boxSettings>;

/** What a box answers: the outcome, the shard that had the socket, the shard that decoded. */
export interface BoxAnswer {
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly afterMs: number | undefined;
  readonly received: number;
  readonly decoded: number | undefined;
}

/** Says who it is, unless the question is one that nobody can answer. */
async function answerOf(index: number, question: unknown): Promise<PeerAnswer> {
  if (question === 'fail') throw new Error('cannot answer');
  if (question === 'hang') await new Promise(() => {});
  return { value: `${String(question)} ${index}`, bytes: [new Uint8Array([index, 7])] };
}

class BoxReceiver implements Receiver {
  readonly #config: BoxConfig;
  readonly #intake: Intake;
  readonly #context: Context;
  readonly #server = http.createServer((request, response) => {
    void this.#answer(request, response);
  });

  constructor(config: BoxConfig, intake: Intake, context: Context) {
    this.#config = config;
    this.#intake = intake;
    this.#context = context;
  }

  start(): Promise<void> {
    const { index } = this.#context.shard;
    this.#context.peers?.onQuestion((question) => answerOf(index, question));
    this.#context.report?.('targets', () => [{ scrapePool: 'boxes', scrapeUrl: `box ${index}` }]);
    if (this.#context.listen === 'none') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const where = splitHostPort(this.#config.endpoint);
      this.#server.listen({ ...where, reusePort: this.#context.listen === 'shared' }, resolve);
    });
  }

  stop(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  decode(request: RawRequest) {
    const until = performance.now() + this.#config.burn_ms;
    while (performance.now() < until);
    const text = new TextDecoder().decode(request.body.subarray(0, 16));
    if (text.startsWith('crash')) process.exit(1);
    const origin = {
      receiver: 'box',
      tenant: request.tenant,
      receivedAt: request.receivedAt,
      metadata: {},
    };
    return {
      batch: batchOf(request.body, 1, { signal: 'logs', form: 'otlp', origin }),
      counts: { shard: this.#context.shard.index },
    };
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (request.url !== '/') {
      const { peers } = this.#context;
      const answers = await peers?.ask(request.url?.slice(1), AbortSignal.timeout(1000));
      response.end(JSON.stringify(answers?.map(({ value, bytes }) => [value, [...bytes[0]!]])));
      return;
    }
    const tenant = this.#intake.tenantOf((name) => [request.headers[name] ?? []].flat());
    if (typeof tenant !== 'string') throw new Error('bug: no tenant');
    const length = Number(request.headers['content-length'] ?? 0);
    const permit = this.#intake.admit(tenant, length);
    const body = new Uint8Array(length);
    let at = 0;
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      body.set(chunk, at);
      at += chunk.length;
    }
    if ('kind' in permit) this.#intake.refused('logs', tenant, permit);
    const reply =
      'kind' in permit
        ? { outcome: permit }
        : await this.#intake.submit(
            {
              signal: 'logs',
              body,
              encoding: 'identity',
              format: 'protobuf',
              tenant,
              metadata: {},
              receivedAt: Date.now(),
            },
            permit,
          );
    const { outcome } = reply;
    const answer: BoxAnswer = {
      outcome: outcome.kind,
      reason: 'reason' in outcome ? outcome.reason : undefined,
      afterMs: 'afterMs' in outcome ? outcome.afterMs : undefined,
      received: this.#context.shard.index,
      decoded: 'counts' in reply ? reply.counts?.['shard'] : undefined,
    };
    response.end(JSON.stringify(answer));
  }
}

const box: ReceiverDefinition<BoxConfig> = {
  type: 'box',
  summary: 'Takes numbers.',
  stability: 'alpha',
  signals: ['logs'],
  schema: boxSettings,
  listens: ({ hidden, endpoint }) => (hidden ? [] : [{ address: endpoint, transport: 'tcp' }]),
  create: (config, intake, context) => new BoxReceiver(config, intake, context),
};

const tallySettings = z.strictObject({ stall: z.boolean().default(false) });
type TallyConfig = z.output<typeof tallySettings>;

const tally: ExporterDefinition<TallyConfig> = {
  type: 'tally',
  summary: 'Adds numbers up.',
  stability: 'alpha',
  signals: ['logs'],
  schema: tallySettings,
  delivery: {},
  create: (config, { meter }) => {
    const count = meter.counter('tally_count', 'Numbers that arrived.');
    const sum = meter.counter('tally_sum', 'Their sum.');
    return {
      send: async (batch, signal) => {
        if (config.stall) {
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
          return { kind: 'retry', reason: 'stalled', message: 'stalled' };
        }
        for (const chunk of batch.chunks) {
          count.add(1);
          sum.add(Number.parseInt(new TextDecoder().decode(chunk.subarray(0, 16)), 10));
        }
        return ACCEPTED;
      },
    };
  },
};

/** Only these two. */
export const boxRegistry: Registry = {
  receivers: { box: () => Promise.resolve({ default: box as ReceiverDefinition }) },
  processors: {},
  exporters: { tally: () => Promise.resolve({ default: tally as ExporterDefinition }) },
  extensions: {},
};
