import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { type Batch, batchOf } from '../../../contract/batch.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { FileExporter, pathOfShard } from './exporter.ts';
import { settings } from './settings.ts';

const ORIGIN = { receiver: 'otlp', tenant: 'acme', receivedAt: 0, metadata: {} };
const root = mkdtempSync(join(tmpdir(), 'millrace-file-'));
after(() => rmSync(root, { recursive: true }));

function spanBatch(name: string): Batch {
  const json = { resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] };
  const bytes = decodeJson('traces', Buffer.from(JSON.stringify(json)));
  return batchOf(bytes, 1, { signal: 'traces', form: 'otlp', origin: ORIGIN });
}

function exporterFor(section: object, shard = 0, now = () => 0): FileExporter {
  const context = { shard: { index: shard, count: 2 }, clock: { now, after: () => () => {} } };
  return new FileExporter(settings.parse(section), context);
}

async function write(section: object, names: readonly string[]): Promise<void> {
  const exporter = exporterFor(section);
  await exporter.start();
  const outcomes = await Promise.all(names.map((name) => exporter.send(spanBatch(name))));
  assert.ok(outcomes.every((outcome) => outcome.kind === 'accepted'));
  await exporter.stop();
}

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

test('json is one OTLP request per line, in order, also when sent at once', async () => {
  const path = join(root, 'new/folder/lines.json');
  await write({ path, create_directory: true }, ['a', 'b', 'c']);
  assert.deepEqual(
    lines(path).map((line) => JSON.parse(line).resourceSpans[0].scopeSpans[0].spans[0].name),
    ['a', 'b', 'c'],
  );
});

test('proto and zstd have a length before each request', async () => {
  const path = join(root, 'out.proto');
  await write({ path, format: 'proto' }, ['a', 'b']);
  const bytes = readFileSync(path);
  const first = bytes.subarray(4, 4 + bytes.readUInt32BE(0));
  assert.deepEqual(new Uint8Array(first), spanBatch('a').chunks[0]);
  await write({ path: `${path}.zst`, compression: 'zstd' }, ['a']);
  const packed = readFileSync(`${path}.zst`);
  assert.equal(packed.readUInt32BE(0), packed.length - 4);
  assert.match(zstdDecompressSync(packed.subarray(4)).toString(), /^\{"resourceSpans"/);
});

test('a file of an earlier run is emptied unless append is set, and not again by a reload', async () => {
  const path = join(root, 'run.json');
  writeFileSync(path, 'old\n');
  await write({ path, append: true }, ['a']);
  assert.equal(lines(path).length, 2);
  const other = join(root, 'run2.json');
  writeFileSync(other, 'old\n');
  await write({ path: other }, ['a']);
  await write({ path: other }, ['b']);
  assert.equal(lines(other).length, 2);
});

test('a full file is set aside, and only so many backups are kept', async () => {
  const path = join(root, 'rotated/out.json');
  const section = { path, create_directory: true, rotation: { max_megabytes: 1, max_backups: 2 } };
  let now = Date.UTC(2026, 0, 1);
  const exporter = exporterFor(section, 0, () => now);
  await exporter.start();
  const large = 'x'.repeat(600 * 1024);
  for (let index = 0; index < 5; index++) {
    await exporter.send(spanBatch(`${index}${large}`));
    now += 1000;
  }
  await exporter.stop();
  assert.deepEqual(readdirSync(join(root, 'rotated')), [
    'out-2026-01-01T00-00-03.000.json',
    'out-2026-01-01T00-00-04.000.json',
    'out.json',
  ]);
  assert.match(readFileSync(path, 'utf8'), /"name":"4x/);
});

test('backups older than the days allowed are deleted', async () => {
  const path = join(root, 'aged/out.json');
  const section = { path, create_directory: true, rotation: { max_megabytes: 1, max_days: 1 } };
  let now = Date.UTC(2026, 0, 1);
  const exporter = exporterFor(section, 0, () => now);
  await exporter.start();
  const large = 'x'.repeat(1024 * 1024);
  await exporter.send(spanBatch(large));
  await exporter.send(spanBatch(large));
  now += 3 * 86_400_000;
  await exporter.send(spanBatch(large));
  await exporter.stop();
  const files = readdirSync(join(root, 'aged'));
  assert.deepEqual(files, ['out-2026-01-04T00-00-00.000.json', 'out.json']);
});

test('every shard has a file of its own', () => {
  assert.equal(pathOfShard('/var/out.json', 0), '/var/out.json');
  assert.equal(pathOfShard('/var/out.json', 2), '/var/out.2.json');
  assert.equal(pathOfShard('out', 1), 'out.1');
});

test('a file that cannot be written is worth a retry', async () => {
  const exporter = exporterFor({ path: join(root, 'closed.json') });
  const outcome = await exporter.send(spanBatch('a'));
  assert.equal(outcome.kind, 'retry');
  await exporter.stop();
  await assert.rejects(exporterFor({ path: join(root, 'none/out.json') }).start(), /ENOENT/);
});

test('mistakes in the settings are named', () => {
  assert.equal(settings.safeParse({}).success, false);
  assert.equal(settings.safeParse({ path: 'x', format: 'text' }).success, false);
  assert.equal(settings.safeParse({ path: 'x', rotation: null }).success, true);
});
