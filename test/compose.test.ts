import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { inspectConfig } from '../src/engine/config/load.ts';
import { registry } from '../src/registry.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as {
  readonly services: Readonly<Record<string, Service>>;
};
const services = Object.entries(compose.services);

describe('docker-compose.yml', () => {
  test('every service has an image or is built here, with a pinned tag', () => {
    for (const [name, { image, build }] of services) {
      assert.ok((image === undefined) !== (build === undefined), name);
      if (image !== undefined) assert.match(image, /:v?\d+\.\d+/, name);
    }
  });

  test('every service it depends on, every file it mounts and every port it opens is there once', () => {
    const opened = services.flatMap(([, { ports = [] }]) => ports);
    assert.deepEqual([...new Set(opened)], opened);
    for (const [name, { volumes = [], depends_on = [] }] of services) {
      for (const other of depends_on) assert.ok(other in compose.services, `${name}: ${other}`);
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) assert.ok(existsSync(join(root, source)), `${name}: ${source}`);
      }
    }
  });

  test('every gateway configuration it mounts is valid', async () => {
    const gateways = services.filter(([, { build }]) => build !== undefined);
    assert.ok(gateways.length > 0);
    for (const [, { volumes = [], environment = {} }] of gateways) {
      const configs = volumes
        .map((volume) => volume.split(':')[0] ?? '')
        .filter((source) => source.endsWith('.yaml'));
      assert.ok(configs.length > 0);
      const uris = configs.map((source) => join(root, source));
      const { mistakes } = await inspectConfig({ uris, variables: environment }, registry);
      assert.deepEqual(
        mistakes.filter(({ severity }) => severity === 'error'),
        [],
      );
    }
  });

  test('Prometheus scrapes a port that the gateway opens', () => {
    const prometheus = parse(readFileSync(join(root, 'deploy/prometheus.yml'), 'utf8')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = prometheus.scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap((config) => config.targets),
    );
    for (const target of targets) {
      const [name = '', port = ''] = target.split(':');
      const ports = compose.services[name]?.ports ?? [];
      assert.ok(
        ports.some((opened) => opened.endsWith(`:${port}`)),
        target,
      );
    }
  });

  test('the dashboard asks for metrics there are', () => {
    const dashboard = readFileSync(join(root, 'deploy/grafana/dashboards/millrace.json'), 'utf8');
    const { panels } = JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] };
    const documented = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
    const names = panels
      .flatMap(({ targets }) => targets.map(({ expr }) => expr))
      .flatMap((expr) => [...expr.matchAll(/millrace_(\w+)(\([\w|]+\))?/g)])
      .flatMap(([, name = '', some]) =>
        some === undefined
          ? [name]
          : some
              .slice(1, -1)
              .split('|')
              .map((end) => name + end),
      );
    assert.ok(names.length > 8);
    for (const name of names) assert.ok(documented.includes(`| \`${name}\` |`), name);
  });
});
