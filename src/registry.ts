import type { Registry } from './contract/registry.ts';

/** Every component of this build, one line each. */
export const registry: Registry = {
  receivers: {
    kafka: () => import('./components/receivers/kafka/index.ts'),
    otlp: () => import('./components/receivers/otlp/index.ts'),
    prometheus: () => import('./components/receivers/prometheus/index.ts'),
    prometheus_remote_write: () =>
      import('./components/receivers/prometheus_remote_write/index.ts'),
  },
  processors: {
    attributes: () => import('./components/processors/attributes/index.ts'),
    batch: () => import('./components/processors/batch/index.ts'),
    memory_limiter: () => import('./components/processors/memory_limiter/index.ts'),
    relabel: () => import('./components/processors/relabel/index.ts'),
    probabilistic_sampler: () => import('./components/processors/probabilistic_sampler/index.ts'),
    resource: () => import('./components/processors/resource/index.ts'),
  },
  exporters: {
    debug: () => import('./components/exporters/debug/index.ts'),
    file: () => import('./components/exporters/file/index.ts'),
    kafka: () => import('./components/exporters/kafka/index.ts'),
    nop: () => import('./components/exporters/nop/index.ts'),
    otlp_grpc: () => import('./components/exporters/otlp_grpc/index.ts'),
    otlp_http: () => import('./components/exporters/otlp_http/index.ts'),
    prometheus: () => import('./components/exporters/prometheus/index.ts'),
    prometheus_remote_write: () =>
      import('./components/exporters/prometheus_remote_write/index.ts'),
  },
  extensions: {
    health_check: () => import('./components/extensions/health_check/index.ts'),
  },
};
