import { Bench } from 'tinybench';
import { RelabelRules } from '../../src/formats/prometheus/relabel/rules.ts';
import { rulesSettings } from '../../src/formats/prometheus/relabel/settings.ts';
import { SeriesMemory } from '../../src/formats/prometheus/scrape/series-memory.ts';
import { TargetSeries } from '../../src/formats/prometheus/scrape/target-series.ts';
import { releaseBytes } from '../../src/wire/memory.ts';

const START = 1_760_000_000_000;
const DEVICES = 2000;
const BOUNDS = [
  '0.005',
  '0.01',
  '0.025',
  '0.05',
  '0.1',
  '0.25',
  '0.5',
  '1',
  '2.5',
  '5',
  '10',
  '+Inf',
];
const RULES = [
  { source_labels: ['__name__'], regex: 'node_filesystem_files.*', action: 'drop' },
  { source_labels: ['device'], regex: '(\\w+)n1', target_label: 'disk', replacement: '$1' },
];

/** Reading a page as a large node exporter has it: 4.9 MB, 62,000 samples. Takes MB/s. */
export function scrapeBench(timeMs = 2000): Bench {
  const pages = [0, 1, 2, 3].map((tick) => nodePage(tick));
  const churned = [0, 1, 2, 3].map((tick) => nodePage(tick, 10));
  const megabytes = (pages[0]!.length / 1e6).toFixed(1);
  const bench = new Bench({ name: `scrape, a page of ${megabytes} MB`, time: timeMs });
  bench.add('first scrape of a target', () => scrape(newTarget(), pages[0]!, 0));
  const repeat = (name: string, of: readonly Uint8Array[], rules?: RelabelRules): void => {
    const target = newTarget(rules);
    let round = 0;
    bench.add(name, () => scrape(target, of[++round % of.length]!, round));
  };
  repeat('repeated series, other values', pages);
  repeat(
    'the same with two metric_relabel_configs',
    pages,
    new RelabelRules(rulesSettings().parse(RULES), 'utf8'),
  );
  repeat('one series in ten is another each time', churned);
  return bench;
}

function newTarget(rules?: RelabelRules): TargetSeries {
  return new TargetSeries({
    target: [
      { name: 'job', value: 'node' },
      { name: 'instance', value: '10.0.0.1:9100' },
    ],
    honorLabels: false,
    external: [],
    naming: 'utf8',
    limits: { labels: 0, nameBytes: 0, valueBytes: 0 },
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    sampleLimit: 0,
    memory: new SeriesMemory(Infinity),
    ...(rules !== undefined && { rules }),
  });
}

function scrape(target: TargetSeries, page: Uint8Array, round: number): void {
  target.begin(START + round * 15_000);
  target.read(page, false);
  const { bytes, settle } = target.finish([]);
  settle(true);
  releaseBytes(bytes);
}

/** `tick` moves the values on; with `churn` one series in so many has a label of the tick. */
function nodePage(tick: number, churn = 0): Uint8Array {
  const lines: string[] = [];
  let state = 1;
  let count = 0;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x80000000;
  const family = (name: string, type: string, help: string) =>
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  const sample = (name: string, labels: string, value: string) => {
    const extra = churn > 0 && count++ % churn === 0 ? `,pod="p-${tick}"` : '';
    lines.push(`${name}{${labels}${extra}} ${value}`);
  };
  const number = (scale: number) => asGo(Math.floor(random() * scale) + tick);
  family('node_cpu_seconds_total', 'counter', 'Seconds the CPUs spent in each mode.');
  for (let cpu = 0; cpu < DEVICES; cpu++)
    for (const mode of ['idle', 'iowait', 'irq', 'nice', 'softirq', 'steal', 'system', 'user'])
      sample(
        'node_cpu_seconds_total',
        `cpu="${cpu}",mode="${mode}"`,
        (random() * 1e5 + tick).toFixed(2),
      );
  for (const what of [
    'reads_completed',
    'read_bytes',
    'writes_completed',
    'written_bytes',
    'io_time_seconds',
    'discards',
  ]) {
    const name = `node_disk_${what}_total`;
    family(name, 'counter', `The total number of ${what} for each device of this host.`);
    for (let disk = 0; disk < DEVICES; disk++)
      sample(
        name,
        `device="nvme${disk}n1"`,
        disk % 3 > 0 ? String(Math.floor(random() * 1e9) + tick) : number(1e9),
      );
  }
  for (const what of [
    'receive_bytes',
    'receive_packets',
    'transmit_bytes',
    'transmit_packets',
    'receive_errs',
  ]) {
    const name = `node_network_${what}_total`;
    family(name, 'counter', `Network device statistic ${what}.`);
    for (let device = 0; device < DEVICES; device++)
      sample(
        name,
        `device="veth${(device * 0x9e3779b1).toString(16)}"`,
        what === 'receive_errs' ? '0' : number(1e10),
      );
  }
  for (const what of ['avail_bytes', 'size_bytes', 'free_bytes', 'files', 'files_free']) {
    const name = `node_filesystem_${what}`;
    family(name, 'gauge', `Filesystem ${what}.`);
    for (let volume = 0; volume < DEVICES; volume++)
      sample(
        name,
        `device="/dev/mapper/vg-lv${volume}",fstype="ext4",mountpoint="/var/lib/kubelet/pods/${volume}/volumes"`,
        number(1e11),
      );
  }
  histogram(sample, family, { random, tick });
  return new TextEncoder().encode(`${lines.join('\n')}\n`);
}

function histogram(
  sample: (name: string, labels: string, value: string) => void,
  family: (name: string, type: string, help: string) => void,
  { random, tick }: { readonly random: () => number; readonly tick: number },
): void {
  const name = 'http_request_duration_seconds';
  family(name, 'histogram', 'How long requests took.');
  for (let handler = 0; handler < DEVICES / 2; handler++) {
    const labels = `handler="/api/v1/${handler}",method="GET"`;
    let below = tick;
    for (const bound of BOUNDS)
      sample(
        `${name}_bucket`,
        `${labels},le="${bound}"`,
        String((below += Math.floor(random() * 1e5))),
      );
    sample(`${name}_sum`, labels, String(random() * 1e4 + tick));
    sample(`${name}_count`, labels, String(below));
  }
}

/** A number as exporters in Go write it. */
function asGo(value: number): string {
  return value < 1e6 ? String(value) : value.toExponential().replace(/e\+(\d)$/, 'e+0$1');
}
