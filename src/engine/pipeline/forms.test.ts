import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Form } from '../../contract/batch.ts';
import type { PipelineConfig } from '../config/config.ts';
import { describeWay, planTranslations } from './forms.ts';

const BOTH: readonly Form[] = ['otlp', 'prometheus'];

/** Components by what their names begin with. */
function formsOf(_kind: string, id: string): readonly Form[] | undefined {
  if (id.startsWith('batch')) return undefined;
  if (id.startsWith('prometheus')) return ['prometheus'];
  return id === 'nop' || id.startsWith('relabel') ? BOTH : ['otlp'];
}

function way(
  receivers: readonly string[],
  processors: readonly string[],
  exporters: readonly string[],
  signal: PipelineConfig['signal'] = 'metrics',
): string {
  const pipeline: PipelineConfig = {
    id: 'metrics',
    signal,
    receivers,
    processors,
    exporters,
    bestEffort: [],
    acknowledge: 'queued',
  };
  return describeWay(pipeline, planTranslations(pipeline, formsOf));
}

test('a translation stands in front of the first part that does not take what comes', () => {
  assert.equal(
    way(['prometheus_remote_write'], ['relabel', 'resource'], ['otlp_http']),
    'prometheus_remote_write -> relabel -> [to otlp] -> resource -> otlp_http',
  );
  assert.equal(
    way(['prometheus_remote_write'], ['batch'], ['otlp_http', 'debug']),
    'prometheus_remote_write -> batch -> [to otlp] -> otlp_http, debug',
  );
});

test('nothing is translated where every part takes what comes', () => {
  assert.equal(
    way(['otlp'], ['resource', 'batch'], ['otlp_http']),
    'otlp -> resource, batch -> otlp_http',
  );
  assert.equal(
    way(['prometheus_remote_write'], ['relabel'], ['prometheus_remote_write', 'nop']),
    'prometheus_remote_write -> relabel -> prometheus_remote_write, nop',
  );
  assert.equal(way(['prometheus_x'], [], ['otlp_http'], 'traces'), 'prometheus_x -> otlp_http');
});

test('each exporter has a translation of its own where they take different forms', () => {
  assert.equal(
    way(['otlp', 'prometheus_remote_write'], [], ['otlp_http', 'prometheus_remote_write', 'nop']),
    'otlp, prometheus_remote_write -> [to otlp] otlp_http, [to prometheus] prometheus_remote_write, nop',
  );
});

test('behind a translation data has one form, and is translated back where that is needed', () => {
  assert.equal(
    way(['prometheus_remote_write'], ['resource', 'relabel'], ['prometheus_remote_write']),
    'prometheus_remote_write -> [to otlp] -> resource, relabel -> [to prometheus] -> prometheus_remote_write',
  );
});
