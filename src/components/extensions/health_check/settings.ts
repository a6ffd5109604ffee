import { z } from 'zod';
import { ignored, listenAddress, section } from '../../../contract/settings.ts';
import { serverTlsSettings } from '../../../net/listen/server-tls.ts';

const responseBody = z.strictObject({
  healthy: z.string().optional().describe('Body of answers with status 200.'),
  unhealthy: z.string().optional().describe('Body of answers with status 503.'),
});

const path = z
  .string()
  .startsWith('/', { error: 'must start with /' })
  .default('/')
  .describe('Where health is answered; /ready and /live are there whatever this says.');

/** Keys and defaults of the OpenTelemetry Collector's extension, and `follow_delivery`. */
export const settings = section(
  z
    .strictObject({
      endpoint: listenAddress().default('localhost:13133').describe('Where to listen.'),
      path,
      response_body: responseBody
        .optional()
        .describe('Fixed texts to answer with instead of the JSON that names the reasons.'),
      follow_delivery: z
        .boolean()
        .default(true)
        .describe(
          'Whether the path and /ready answer 503 while an exporter cannot deliver. /live never does.',
        ),
      tls: serverTlsSettings().optional().describe('Serve HTTPS with this certificate.'),
      check_collector_pipeline: ignored(
        z.looseObject({}),
        'health always follows delivery; see follow_delivery',
      ),
      use_v2: ignored(z.boolean(), 'there is one version of the answers'),
    })
    .transform((raw) => ({
      endpoint: raw.endpoint,
      path: raw.path,
      healthyBody: raw.response_body?.healthy,
      unhealthyBody: raw.response_body?.unhealthy,
      followDelivery: raw.follow_delivery,
      tls: raw.tls,
    })),
);

export type Config = z.output<typeof settings>;
