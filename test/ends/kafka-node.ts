/** One process of a Kafka cluster: its properties, its life. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';

/** Who may log in to the SASL listeners. */
export const USER = { username: 'alice', password: 'alice-secret' } as const;

/** Ports of one node, all on 127.0.0.1. */
export interface NodePorts {
  readonly plain: number;
  readonly tls: number;
  readonly sasl: number;
  readonly saslTls: number;
  readonly internal: number;
  readonly controller: number;
}

export interface NodePlan {
  readonly id: number;
  readonly folder: string;
  readonly classPath: string;
  readonly ports: NodePorts;
  /** `id@host:port` of every controller. */
  readonly voters: string;
  readonly nodes: number;
  readonly certificate: Certificate;
  /** PEM of the authority that client certificates are checked against, where they are sent. */
  readonly authority: string;
  readonly properties: Readonly<Record<string, string | number>>;
}

const CLUSTER_ID = 'bWlsbHJhY2UtdGVzdHMwMQ';
const JAVA = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
];

/** A node that can be killed and started again with the data it had. */
export class KafkaNode {
  readonly id: number;
  readonly #plan: NodePlan;
  readonly #file: string;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(plan: NodePlan) {
    this.id = plan.id;
    this.#plan = plan;
    mkdirSync(plan.folder, { recursive: true });
    this.#file = join(plan.folder, 'server.properties');
    writeFileSync(this.#file, propertiesText(plan));
  }

  /** What the process said so far. */
  get output(): string {
    return this.#output;
  }

  get exited(): boolean {
    return this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Writes the metadata a new node starts from, with the users of SCRAM in it. */
  async format(): Promise<void> {
    const { username, password } = USER;
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${username},password=${password}]`,
    ]);
    const of = ['format', '-t', CLUSTER_ID, '-c', this.#file, ...scram];
    const child = this.#spawn('kafka.tools.StorageTool', of);
    await once(child, 'exit');
    if (child.exitCode !== 0) throw new Error(`cannot format a Kafka node: ${this.#output}`);
  }

  start(): void {
    this.#child = this.#spawn('kafka.Kafka', [this.#file]);
  }

  /** Ends the process at once, as a power cut does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.exited) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  #spawn(main: string, of: readonly string[]): ChildProcess {
    const child = spawn('java', [...JAVA, '-cp', this.#plan.classPath, main, ...of], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (data: Buffer): void => {
      this.#output += data.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.removeListener('exit', end));
    return child;
  }
}

function propertiesText(plan: NodePlan): string {
  const { ports } = plan;
  const copies = Math.min(plan.nodes, 3);
  const lines: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': plan.id,
    'controller.quorum.voters': plan.voters,
    listeners: [
      `PLAIN://127.0.0.1:${ports.plain}`,
      `TLS://127.0.0.1:${ports.tls}`,
      `SASL://127.0.0.1:${ports.sasl}`,
      `SASLTLS://127.0.0.1:${ports.saslTls}`,
      `INTERNAL://127.0.0.1:${ports.internal}`,
      `CONTROLLER://127.0.0.1:${ports.controller}`,
    ].join(','),
    'listener.security.protocol.map':
      'PLAIN:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(plan.folder, 'data'),
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 3,
    'default.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'num.network.threads': 2,
    'num.io.threads': 4,
    ...security(plan),
    ...plan.properties,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${String(value).replaceAll('\n', '\\n')}\n`)
    .join('');
}

function security(plan: NodePlan): Record<string, string> {
  const { username, password } = USER;
  const lines: Record<string, string> = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': plan.certificate.cert,
    'ssl.keystore.key': plan.certificate.key,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': plan.authority,
    'ssl.client.auth': 'requested',
  };
  const common = 'org.apache.kafka.common.security';
  const modules = {
    plain: `${common}.plain.PlainLoginModule required user_${username}="${password}";`,
    'scram-sha-256': `${common}.scram.ScramLoginModule required;`,
    'scram-sha-512': `${common}.scram.ScramLoginModule required;`,
    // Takes tokens that nobody signed, which is what a test can make.
    oauthbearer: `${common}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
  for (const listener of ['sasl', 'sasltls']) {
    for (const [mechanism, module] of Object.entries(modules)) {
      lines[`listener.name.${listener}.${mechanism}.sasl.jaas.config`] = module;
    }
  }
  return lines;
}
