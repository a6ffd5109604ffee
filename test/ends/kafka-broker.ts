/**
 * A real Apache Kafka for tests, in KRaft mode: one process, or a cluster of three. Every node
 * listens in plain text, with TLS, with SASL, and with both. `KAFKA_BROKERS` (host:port, by commas)
 * points at another one instead, which then has the plain listener only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { createAuthority, createCertificate } from './certificates.ts';
import { freePorts } from './gateway.ts';
import { kafkaDistribution } from './kafka-distribution.ts';
import { KafkaNode, type NodePorts, USER } from './kafka-node.ts';

const START_TIMEOUT_MS = 60_000;
const PORTS_OF_A_NODE = 6;

export interface ClusterOptions {
  /** Processes; 1 when absent. */
  readonly nodes?: number;
  /** Lines of server.properties, such as `message.max.bytes`. */
  readonly properties?: Readonly<Record<string, string | number>>;
}

export interface TopicOptions {
  /** 1 when absent. */
  readonly partitions?: number;
  /** As many as there are nodes, up to three, when absent. */
  readonly replicas?: number;
  /** Such as `max.message.bytes`. */
  readonly configs?: Readonly<Record<string, string>>;
}

/** A running cluster. Lists of brokers are `host:port`. */
export interface KafkaCluster {
  readonly brokers: readonly string[];
  readonly tlsBrokers: readonly string[];
  readonly saslBrokers: readonly string[];
  readonly saslTlsBrokers: readonly string[];
  /** PEM of the authority behind the certificates of the TLS listeners. */
  readonly authority: string;
  /** Who may log in, with PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  readonly user: { readonly username: string; readonly password: string };
  createTopic(name: string, options?: TopicOptions): Promise<void>;
  /** Node that leads a partition. */
  leaderOf(topic: string, partition: number): Promise<number>;
  /** SIGKILL of one node. */
  kill(id: number): Promise<void>;
  /** Starts a killed node with the data it had; resolves when it serves. */
  restart(id: number): Promise<void>;
  stop(): Promise<void>;
}

/** Why a test against Kafka cannot run here; undefined when it can. */
export async function whyNoKafka(): Promise<string | undefined> {
  if (process.env['KAFKA_BROKERS'] !== undefined) return undefined;
  const found = await kafkaDistribution();
  return 'missing' in found ? found.missing : undefined;
}

/** Starts a cluster, or answers the one of `KAFKA_BROKERS`; resolves when all nodes serve. */
export async function startKafka(options: ClusterOptions = {}): Promise<KafkaCluster> {
  const others = process.env['KAFKA_BROKERS'];
  if (others !== undefined) return new OtherCluster(others.split(','));
  const found = await kafkaDistribution();
  if ('missing' in found) throw new Error(found.missing);
  const cluster = await OwnCluster.plan(options, found.classPath);
  await cluster.start();
  return cluster;
}

abstract class Cluster {
  readonly user = USER;
  abstract readonly brokers: readonly string[];

  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    await this.asked(async (admin) => {
      const configs = Object.entries(options.configs ?? {});
      await admin.createTopics({
        topics: [name],
        partitions: options.partitions ?? 1,
        replicas: options.replicas ?? Math.min(3, this.brokers.length),
        configs: configs.map(([key, value]) => ({ name: key, value })),
      });
    });
    // A new topic is known to its controller first.
    await this.asked(async (admin) => {
      const { topics } = await admin.metadata({ topics: [name], forceUpdate: true });
      const leaders = topics.get(name)?.partitions.map(({ leader }) => leader) ?? [-1];
      if (leaders.includes(-1)) throw new Error(`${name} has partitions without leader`);
    });
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    const { topics } = await this.asked((admin) =>
      admin.metadata({ topics: [topic], forceUpdate: true }),
    );
    return topics.get(topic)?.partitions[partition]?.leader ?? -1;
  }

  /** What `question` answers, asked again until a broker has an answer. */
  protected async asked<T>(
    question: (admin: Admin) => Promise<T>,
    brokers: readonly string[] = this.brokers,
  ): Promise<T> {
    const end = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const admin = new Admin({
        clientId: 'test',
        bootstrapBrokers: [...brokers],
        retries: 0,
        connectTimeout: 1000,
        requestTimeout: 10_000,
      });
      try {
        return await question(admin);
      } catch (error) {
        if (Date.now() > end || /already exists|cannot start/i.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        await admin.close().catch(() => undefined);
      }
    }
  }
}

class OtherCluster extends Cluster implements KafkaCluster {
  readonly brokers: readonly string[];
  readonly tlsBrokers = [];
  readonly saslBrokers = [];
  readonly saslTlsBrokers = [];
  readonly authority = '';

  constructor(brokers: readonly string[]) {
    super();
    this.brokers = brokers;
  }

  kill(id: number): Promise<void> {
    return Promise.reject(new Error(`node ${id} of KAFKA_BROKERS is not ours to kill`));
  }

  restart(id: number): Promise<void> {
    return this.kill(id);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

class OwnCluster extends Cluster implements KafkaCluster {
  readonly authority: string;
  readonly #folder: string;
  readonly #ports: readonly NodePorts[];
  readonly #nodes: readonly KafkaNode[];

  private constructor(of: {
    folder: string;
    authority: string;
    ports: readonly NodePorts[];
    nodes: readonly KafkaNode[];
  }) {
    super();
    this.#folder = of.folder;
    this.authority = of.authority;
    this.#ports = of.ports;
    this.#nodes = of.nodes;
  }

  static async plan(options: ClusterOptions, classPath: string): Promise<OwnCluster> {
    const count = options.nodes ?? 1;
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
    const free = await freePorts(count * PORTS_OF_A_NODE);
    const ports = Array.from({ length: count }, (_, node) => {
      const of = (index: number): number => free[node * PORTS_OF_A_NODE + index] ?? 0;
      const [plain, tls, sasl, saslTls, internal, controller] = [0, 1, 2, 3, 4, 5].map(of);
      return { plain, tls, sasl, saslTls, internal, controller } as NodePorts;
    });
    const voters = ports.map(({ controller }, at) => `${at + 1}@127.0.0.1:${controller}`).join(',');
    const authority = createAuthority();
    const certificate = createCertificate(authority);
    const nodes = ports.map(
      (own, at) =>
        new KafkaNode({
          id: at + 1,
          folder: join(folder, `${at + 1}`),
          classPath,
          ports: own,
          voters,
          nodes: count,
          certificate,
          authority: authority.cert,
          properties: options.properties ?? {},
        }),
    );
    return new OwnCluster({ folder, authority: authority.cert, ports, nodes });
  }

  get brokers(): readonly string[] {
    return this.#addresses('plain');
  }

  get tlsBrokers(): readonly string[] {
    return this.#addresses('tls');
  }

  get saslBrokers(): readonly string[] {
    return this.#addresses('sasl');
  }

  get saslTlsBrokers(): readonly string[] {
    return this.#addresses('saslTls');
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.#nodes.map((node) => node.format()));
      for (const node of this.#nodes) node.start();
      await Promise.all(this.brokers.map((broker) => this.#serves(broker)));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async kill(id: number): Promise<void> {
    await this.#node(id).kill();
  }

  async restart(id: number): Promise<void> {
    const node = this.#node(id);
    await node.kill();
    node.start();
    await this.#serves(this.brokers[id - 1] ?? '');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #node(id: number): KafkaNode {
    const node = this.#nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** Resolves when the node at `broker` answers and knows all of the cluster. */
  async #serves(broker: string): Promise<void> {
    await this.asked(
      async (admin) => {
        const dead = this.#nodes.every((node) => node.exited);
        if (dead) throw new Error(`Kafka cannot start: ${this.#nodes[0]?.output}`);
        const { brokers } = await admin.metadata({ topics: [], forceUpdate: true });
        const live = this.#nodes.filter((node) => !node.exited);
        if (brokers.size < live.length) throw new Error(`${brokers.size} brokers registered`);
      },
      [broker],
    );
  }

  #addresses(listener: keyof NodePorts): readonly string[] {
    return this.#ports.map((ports) => `127.0.0.1:${ports[listener]}`);
  }
}
