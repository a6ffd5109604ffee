import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { snappyBlock } from '../../src/net/codec/snappy-compress.ts';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';
import { post } from '../ends/series.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');
const TIME = Date.now();
const HISTOGRAMS = 200;
const BUCKETS = ['0.1', '1', '10', '+Inf'];

/** Sends over a connection of its own, so that the shards take turns. */
function send(port: number, message: object): Promise<number> {
  const body = REQUEST.encode(REQUEST.fromObject(message)).finish();
  return post({ port, agent: false }, snappyBlock(body));
}

function series(name: string, labels: Readonly<Record<string, string>>, value: number): object {
  const pairs = Object.entries({ __name__: name, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    labels: pairs.map(([key, text]) => ({ name: key, value: text })),
    samples: [{ value, timestamp: TIME }],
  };
}

const target = (index: number) => ({ job: 'shop', pod: `pod-${index}` });

/** The series of one member of all histograms: what one request has of them. */
function members(suffix: string, le?: string): object {
  const timeseries = Array.from({ length: HISTOGRAMS }, (_, index) => {
    const labels = le === undefined ? target(index) : { ...target(index), le };
    return series(`wait_seconds_${suffix}`, labels, BUCKETS.indexOf(le ?? '+Inf') + 1);
  });
  return { timeseries };
}

/** What a scrape over a connection of its own is answered. */
async function scrape(port: number): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { connection: 'close' },
  });
  assert.equal(reply.status, 200);
  return reply.text();
}

test('a page of two shards has every series once, and histograms whole', async (t) => {
  const [port = 0, page = 0, admin = 0] = await freePorts(3);
  const gateway = await startGateway(
    `
receivers:
  prometheus_remote_write: { endpoint: 127.0.0.1:${port} }
exporters:
  prometheus: { endpoint: 127.0.0.1:${page} }
service:
  shards: 2
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [prometheus_remote_write], exporters: [prometheus] }
`,
    [port, page, admin],
  );
  t.after(() => gateway.kill('SIGKILL'));
  const metadata = [{ type: 3, metric_family_name: 'wait_seconds', help: 'how long' }];
  const requests = [
    ...BUCKETS.map((le) => members('bucket', le)),
    members('sum'),
    members('count'),
    { metadata },
    ...Array.from({ length: 20 }, (_, index) => ({
      timeseries: [series('up', { job: 'shop', index: `${index}` }, 1)],
    })),
  ];
  const statuses = await Promise.all(requests.map((request) => send(port, request)));
  assert.deepEqual(new Set(statuses), new Set([204]));
  const expected = [
    ...Array.from({ length: 20 }, (_, index) => `up{index="${index}",job="shop"} 1`),
    ...Array.from({ length: HISTOGRAMS }, (_, index) =>
      [
        ...BUCKETS.map((le, at) => `_bucket{job="shop",le="${le}",pod="pod-${index}"} ${at + 1}`),
        `_sum{job="shop",pod="pod-${index}"} 4`,
        `_count{job="shop",pod="pod-${index}"} 4`,
      ]
        .map((line) => `wait_seconds${line}`)
        .join('\n'),
    ),
  ].toSorted();
  for (let round = 0; round < 6; round++) {
    const text = await scrape(page);
    const [up = '', waits = ''] = text.split(
      '# HELP wait_seconds how long\n# TYPE wait_seconds histogram\n',
    );
    const ups = up.split('\n').slice(1, -1);
    const groups = waits.split(/\n(?=wait_seconds_bucket\{job="shop",le="0.1")/);
    assert.deepEqual([...ups, ...groups.map((group) => group.trimEnd())].toSorted(), expected);
  }
  let own = '';
  await eventually(
    async () => {
      own = await gateway.page(admin, '/metrics');
      return valueOf(own, 'millrace_exporter_series') === HISTOGRAMS * 6 + 20;
    },
    () => own,
  );
  assert.equal(await gateway.stop(), 0);
});
