/** npm run bench -- COMMAND: the benches, one command each. */
import { parseArgs } from 'node:util';
import { compare } from './compare.ts';
import { kafka } from './kafka.ts';
import { labelCache } from './label-cache.ts';
import { macro } from './macro.ts';
import { micro } from './micro.ts';
import { remoteWrite } from './remote-write.ts';
import { shardCosts } from './shards.ts';
import { parseTarget, size } from './size.ts';
import { soak } from './soak.ts';

const USAGE = `usage: npm run bench -- [COMMAND] [OPTIONS]

  micro                      wire and codecs, one function at a time
  macro  [--quick] [--case TEXT ...] [--shards N]
                             client, gateway, sink: throughput, cost, latency, memory
  size   --target RATE       how many shards for RATE items per second (500k/s, 2M/s)
         [--items N] [--protocol http|grpc] [--compression none|gzip|zstd]
  shards [--case TEXT ...]   what more shards cost, and what hand-over gives one busy connection
  compare [--collector PATH] [--shards N] [--case NAME ...] [--only millrace|collector|floor ...]
         [--latency]
                             the same work through the peers, in turns
  remote-write [--vmagent PATH] [--shards N] [--case repeated|churn-10|otlp ...]
         [--only millrace|one-lane|vmagent ...]
                             remote-write and OTLP to remote-write, beside vmagent
  kafka [--collector PATH] [--shards N] [--case to-kafka|from-kafka ...]
         [--only millrace|millrace-kafkajs|collector ...]
                             OTLP to Kafka and back, on a broker of its own
  soak [--minutes N] [--rate N] [--client platformatic|kafkajs]
                             the two tiers of pipelines/ under a steady load: memory and CPU by the minute
  label-cache [--series N] [--cache-mib N]
                             many active series through the label cache of relabelling

Without a command: micro, then macro --quick. Common options: --seconds N, --rounds N.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    collector: { type: 'string' },
    vmagent: { type: 'string' },
    series: { type: 'string', default: '10000000' },
    'cache-mib': { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '20' },
    client: { type: 'string', default: 'platformatic' },
    seconds: { type: 'string', default: '5' },
    shards: { type: 'string', default: '1' },
    case: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    target: { type: 'string' },
    items: { type: 'string', default: '512' },
    protocol: { type: 'string', default: 'http' },
    compression: { type: 'string', default: 'none' },
  },
});
const seconds = Number(values.seconds);
const shards = Number(values.shards);

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new Error(`--${name} takes ${allowed.join(', ')}, not ${value}`);
  return found;
}

switch (positionals[0]) {
  case undefined:
    await micro();
    await macro({ seconds, shards, cases: values.case, quick: true });
    break;
  case 'micro':
    await micro();
    break;
  case 'macro':
    await macro({ seconds, shards, cases: values.case, quick: values.quick });
    break;
  case 'size': {
    const target = parseTarget(values.target ?? '');
    if (target === undefined) throw new Error('--target takes a rate such as 500k/s');
    await size({
      target,
      seconds,
      itemsPerRequest: Number(values.items),
      protocol: oneOf('protocol', values.protocol, ['http', 'grpc']),
      compression: oneOf('compression', values.compression, ['none', 'gzip', 'zstd']),
    });
    break;
  }
  case 'shards':
    await shardCosts({ seconds, rounds: Number(values.rounds), cases: values.case });
    break;
  case 'compare':
    await compare({
      collector: values.collector,
      rounds: Number(values.rounds),
      seconds,
      shards,
      cases: values.case,
      only: values.only,
      latency: values.latency,
    });
    break;
  case 'remote-write':
    await remoteWrite({
      vmagent: values.vmagent,
      rounds: Number(values.rounds),
      seconds,
      shards,
      cases: values.case,
      only: values.only,
    });
    break;
  case 'kafka':
    await kafka({
      collector: values.collector,
      rounds: Number(values.rounds),
      seconds,
      shards,
      cases: values.case,
      only: values.only,
    });
    break;
  case 'soak':
    await soak({
      minutes: Number(values.minutes),
      rate: Number(values.rate),
      client: oneOf('client', values.client, ['platformatic', 'kafkajs']),
    });
    break;
  case 'label-cache':
    labelCache({
      series: Number(values.series),
      maxBytes: Number(values['cache-mib']) * 2 ** 20,
    });
    break;
  default:
    console.error(USAGE);
    process.exitCode = 2;
}
