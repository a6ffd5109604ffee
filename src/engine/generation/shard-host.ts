import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Registry } from '../../contract/registry.ts';
import { limitFreeMemory, trimMemory } from '../../wire/memory.ts';
import { Budget } from '../admission/budget.ts';
import { collectUnderPressure, collectYoung } from '../admission/memory-guard.ts';
import { MeshCrossing } from '../shard/crossing.ts';
import { HandOver } from '../shard/hand-over.ts';
import { Loads, startLoadSampler } from '../shard/loads.ts';
import { Mesh, type Served } from '../shard/mesh.ts';
import type { FromShard, PeerCall, ShardSetup, ToShard } from '../shard/messages.ts';
import { Questions } from '../shard/questions.ts';
import { Reports } from '../shard/reports.ts';
import { systemClock } from '../telemetry/clock.ts';
import { Log } from '../telemetry/logger.ts';
import { startShardSampler } from '../telemetry/samplers.ts';
import { ShardMetrics } from '../telemetry/shard-metrics.ts';
import { Generation } from './generation.ts';

/** Free buffers a shard keeps at most: all that a small budget allows it to hold. */
const MAX_FREE_BYTES = 32 * 1024 * 1024;
/** How often buffers that nobody needed are given back. */
const TRIM_EVERY_MS = 5000;

/**
 * The life of a shard, seen from inside its thread: builds a generation from the setup it was
 * born with, then does what the supervisor says. Called once, by the entry file of the thread.
 */
export async function runShard(registry: Registry): Promise<void> {
  if (parentPort === null) throw new Error('a shard runs in a worker thread only');
  const host = new ShardHost(workerData as ShardSetup, parentPort);
  await host.run(registry);
}

class ShardHost {
  readonly #setup: ShardSetup;
  readonly #port: MessagePort;
  readonly #log: Log;
  readonly #metrics: ShardMetrics;
  readonly #budget: Budget;
  readonly #mesh: Mesh;
  readonly #handOver: HandOver;
  readonly #questions: Questions;
  readonly #reports = new Reports();
  readonly #stopSamplers: (() => void)[] = [];
  #generation: Generation | undefined;

  constructor(setup: ShardSetup, port: MessagePort) {
    this.#setup = setup;
    this.#port = port;
    const { logs } = setup.config.service.telemetry;
    this.#log = new Log({ level: logs.level, encoding: logs.encoding, shard: setup.index });
    this.#metrics = new ShardMetrics(setup.index, (series) => {
      this.#say({ kind: 'series', series });
    });
    this.#budget = new Budget(setup.budget, setup.index);
    limitFreeMemory(Math.min(setup.budget.maxBytes / setup.budget.shards, MAX_FREE_BYTES));
    this.#mesh = new Mesh(
      (call) => this.#serve(call),
      (error) => this.#log.logger('shard').error('bug', { error: describe(error) }),
    );
    this.#handOver = new HandOver(new Loads(setup.loads), this.#metrics.meter(), this.#mesh);
    this.#questions = new Questions(this.#mesh);
  }

  async run(registry: Registry): Promise<void> {
    try {
      await this.#build(registry);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#port.on('message', (message: ToShard) => {
      this.#obey(message).catch((error: unknown) => {
        this.#fail(error);
      });
    });
    this.#say({ kind: 'built' });
  }

  async #build(registry: Registry): Promise<void> {
    const { config, version, index, count, listen } = this.#setup;
    this.#generation = await Generation.build({
      config,
      registry,
      budget: this.#budget,
      metrics: this.#metrics,
      log: this.#log,
      context: { version, clock: systemClock, shard: { index, count }, listen },
      report: (component, topic, read) => this.#reports.add(component, topic, read),
      ...(count > 1
        ? {
            elsewhere: this.#handOver,
            peersOf: (component) => this.#questions.peersOf(component),
            crossing: new MeshCrossing(index, this.#mesh),
          }
        : {}),
    });
    await this.#generation.start();
    for (const peer of this.#setup.peers) this.#mesh.attach(peer);
  }

  /** What another shard asks of this one. */
  async #serve(call: PeerCall): Promise<Served> {
    if (this.#generation === undefined) throw new Error('bug: a call before the first build');
    if (call.kind === 'question') return this.#questions.serve(call.component, call.question);
    const answer =
      call.kind === 'part'
        ? this.#generation.receive(call.part)
        : this.#generation.serve(call.receiver, call.request);
    return { value: await answer, bytes: [] };
  }

  async #obey(message: ToShard): Promise<void> {
    switch (message.kind) {
      case 'listen':
        await this.#generation?.listen();
        this.#startSamplers();
        this.#say({ kind: 'listening' });
        break;
      case 'peer':
        this.#mesh.attach(message.peer);
        break;
      case 'report':
        this.#say({ kind: 'report', id: message.id, rows: this.#report(message.topic) });
        break;
      case 'stop_receivers':
        await this.#step('receivers', (signal) => this.#generation?.stopReceivers(signal), message);
        this.#say({ kind: 'receivers_stopped' });
        break;
      case 'stop':
        await this.#step('pipelines', (signal) => this.#generation?.stop(signal), message);
        this.#end();
        break;
    }
  }

  /** One step of a stop. What goes wrong is said, and the next step comes all the same. */
  async #step(
    what: string,
    stop: (deadline: AbortSignal) => Promise<void> | undefined,
    { graceMs }: { readonly graceMs: number },
  ): Promise<void> {
    try {
      await stop(AbortSignal.timeout(Math.round(graceMs)));
    } catch (error) {
      this.#log.logger('shard').error(`cannot stop all ${what}`, { error: describe(error) });
    }
  }

  #report(topic: string): readonly unknown[] {
    return this.#reports.read(topic, (component, error) => {
      this.#log.logger(component).error('cannot report', { topic, error: describe(error) });
    });
  }

  #startSamplers(): void {
    const { index, loads } = this.#setup;
    const trimming = setInterval(trimMemory, TRIM_EVERY_MS);
    trimming.unref();
    this.#stopSamplers.push(
      () => clearInterval(trimming),
      startShardSampler(this.#metrics.meter()),
      startLoadSampler(new Loads(loads), index, {
        fullness: () => this.#generation?.fullness ?? 0,
        onSample: (load) => {
          this.#budget.sample(performance.now());
          this.#handOver.adapt(load);
          collectUnderPressure(this.#budget.pressure);
          collectYoung();
        },
      }),
    );
  }

  #end(): void {
    for (const stop of this.#stopSamplers) stop();
    this.#handOver.stop();
    this.#mesh.stop();
    this.#log.flush();
    this.#say({ kind: 'stopped' });
    this.#port.close();
  }

  #fail(error: unknown): void {
    this.#log.logger('shard').debug('the shard failed', { error: describe(error), threadId });
    this.#say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    this.#end();
  }

  #say(message: FromShard): void {
    this.#port.postMessage(message);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
