import type { Config } from '../engine/config/config.ts';
import type { Plain } from '../engine/config/source/tree.ts';

const SPAN = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'hello' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: 'eee19b7ec3c1b174',
              name: 'hello-millrace',
              kind: 1,
              startTimeUnixNano: '1700000000000000000',
              endTimeUnixNano: '1700000000250000000',
            },
          ],
        },
      ],
    },
  ],
};

/** What to try with a gateway that serves: a request to send, and where its own figures are. */
export function welcome(config: Config, resolved: Plain): string {
  const lines: string[] = [];
  const receiver = httpReceiver(resolved);
  if (receiver !== undefined) {
    lines.push(
      'Millrace is serving. Send it a span:',
      '',
      `  curl -i http://${receiver}/v1/traces -H 'Content-Type: application/json' \\`,
      `    -d '${JSON.stringify(SPAN)}'`,
      '',
    );
  }
  const { address } = config.service.telemetry.metrics;
  if (address !== undefined)
    lines.push(`  its own metrics:  curl http://${reachable(address)}/metrics`);
  const health = endpointOf(resolved, ['extensions', 'health_check'], 'localhost:13133');
  if (config.extensions['health_check'] !== undefined) {
    lines.push(`  its health:       curl http://${reachable(health)}/`);
  }
  lines.push('  stop it:          Ctrl-C');
  return lines.join('\n');
}

function httpReceiver(resolved: Plain): string | undefined {
  const receivers = entry(resolved, 'receivers');
  if (typeof receivers !== 'object' || receivers === null) return undefined;
  for (const [id, section] of Object.entries(receivers)) {
    const protocols = entry(section, 'protocols');
    if (!/^otlp(\/|$)/.test(id) || entry(protocols, 'http') === undefined) continue;
    return reachable(endpointOf(protocols, ['http'], 'localhost:4318'));
  }
  return undefined;
}

function endpointOf(value: Plain, path: readonly string[], standard: string): string {
  const endpoint = entry(path.reduce<Plain>(entry, value), 'endpoint');
  return typeof endpoint === 'string' ? endpoint : standard;
}

function entry(value: Plain, key: string): Plain {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value[key];
}

/** An address to connect to, for one to listen on. */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]|)(?=:\d+$)/, 'localhost');
}
