import { z } from 'zod';
import { secret } from '../../../../contract/settings.ts';
import { unsupported } from '../../../../net/client/settings.ts';
import { type ClientTlsSettings, clientTlsSettings } from '../../../../net/client-tls.ts';
import { headerProblem } from '../../../../net/http-client.ts';

const TLS_VERSIONS = { TLS10: '1.0', TLS11: '1.1', TLS12: '1.2', TLS13: '1.3' } as const;
const FILE_RELOAD = '1m';

const version = z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']);

const tlsConfig = z
  .strictObject({
    ca_file: z.string().optional().describe('PEM file of the authorities to trust.'),
    ca: secret().optional().describe('The same as text.'),
    cert_file: z.string().optional().describe('PEM file of the client certificate.'),
    cert: secret().optional().describe('The same as text.'),
    key_file: z.string().optional().describe('PEM file of the key of the client certificate.'),
    key: secret().optional().describe('The same as text.'),
    server_name: z.string().optional().describe('Name to expect in the certificate.'),
    insecure_skip_verify: z.boolean().default(false).describe('Accepts any certificate.'),
    min_version: version.default('TLS12').describe('Lowest TLS version to accept.'),
    max_version: version.optional().describe('Highest TLS version to accept.'),
  })
  .transform((value, context): ClientTlsSettings => {
    const files = value.ca_file ?? value.cert_file ?? value.key_file;
    const written = Object.entries({
      ca_file: value.ca_file,
      ca_pem: value.ca,
      cert_file: value.cert_file,
      cert_pem: value.cert,
      key_file: value.key_file,
      key_pem: value.key,
      server_name_override: value.server_name || undefined,
      insecure_skip_verify: value.insecure_skip_verify,
      min_version: TLS_VERSIONS[value.min_version],
      max_version: value.max_version && TLS_VERSIONS[value.max_version],
      reload_interval: files === undefined ? undefined : FILE_RELOAD,
    }).filter(([, each]) => each !== undefined);
    const parsed = clientTlsSettings.safeParse(Object.fromEntries(written));
    if (parsed.success) return parsed.data;
    for (const { message } of parsed.error.issues) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const basicAuth = z
  .strictObject({
    username: z.string().default('').describe('Name of the user.'),
    username_file: z.string().optional().describe('File with the name.'),
    password: secret().optional().describe('Password.'),
    password_file: z.string().optional().describe('File with the password.'),
  })
  .superRefine((value, context) => refuseBoth(value, ['password', 'password_file'], context));

const authorization = z
  .strictObject({
    type: z.string().default('Bearer').describe('Word in front of the credentials.'),
    credentials: secret().optional().describe('Credentials.'),
    credentials_file: z.string().optional().describe('File with the credentials.'),
  })
  .superRefine((value, context) => refuseBoth(value, ['credentials', 'credentials_file'], context));

const httpHeader = z.strictObject({
  values: z.array(z.string()).default([]).describe('Values.'),
  secrets: z.array(secret()).default([]).describe('Values that are never shown.'),
});

/** Keys that jobs and discoveries over HTTP have. */
export const httpKeys = {
  basic_auth: basicAuth.optional().describe('User and password.'),
  authorization: authorization.optional().describe('Credentials of another kind.'),
  bearer_token: secret().optional().describe('The same as authorization.credentials.'),
  bearer_token_file: z.string().optional().describe('As authorization.credentials_file.'),
  oauth2: unsupported('fetch the token outside and use authorization.credentials_file'),
  tls_config: tlsConfig.prefault({}).describe('TLS of targets with the scheme https.'),
  proxy_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Proxy that is asked to CONNECT, for http, too.'),
  no_proxy: unsupported('leave proxy_url out of the jobs that need none'),
  proxy_from_environment: unsupported('write proxy_url'),
  proxy_connect_header: unsupported('put credentials into proxy_url'),
  follow_redirects: z.boolean().default(true).describe('Whether redirects are followed.'),
  enable_http2: z.boolean().default(true).describe('Accepted; HTTP/1.1 is spoken.'),
  http_headers: z
    .record(z.string(), httpHeader)
    .default({})
    .superRefine((headers, context) => {
      for (const [name, { values, secrets }] of Object.entries(headers))
        for (const value of [...values, ...secrets]) {
          const wrong = headerProblem(name, value);
          if (wrong !== undefined)
            context.addIssue({ code: 'custom', message: `${name} ${wrong}` });
        }
    })
    .describe('Sent with every request.'),
};

const httpSection = z.object(httpKeys);

/** Who a client says it is: a text, or a file that is read for each request. */
export interface Credentials {
  readonly text?: string | undefined;
  readonly file?: string | undefined;
}

/** How requests of a job or a discovery are made. Plain data. */
export interface HttpConfig {
  readonly basic?: { readonly user: Credentials; readonly password: Credentials };
  readonly authorization?: { readonly type: string; readonly credentials: Credentials };
  readonly tls: ClientTlsSettings;
  readonly proxyUrl?: string;
  readonly followRedirects: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** The same from the keys; an issue says what contradicts itself. */
export function httpConfig(
  value: z.output<typeof httpSection>,
  context: z.RefinementCtx,
): HttpConfig {
  const { basic_auth: basic, authorization: other } = value;
  const bearer = { text: value.bearer_token, file: value.bearer_token_file };
  const hasBearer = (bearer.text ?? bearer.file) !== undefined;
  if (Number(basic !== undefined) + Number(other !== undefined) + Number(hasBearer) > 1) {
    const message = 'basic_auth, authorization and bearer_token exclude each other; keep one';
    context.addIssue({ code: 'custom', path: ['authorization'], message });
  }
  const credentials = other && { text: other.credentials, file: other.credentials_file };
  return {
    tls: value.tls_config,
    followRedirects: value.follow_redirects,
    headers: Object.fromEntries(
      Object.entries(value.http_headers).map(([name, { values, secrets }]) => [
        name,
        [...values, ...secrets].join(', '),
      ]),
    ),
    ...(value.proxy_url !== undefined && { proxyUrl: value.proxy_url }),
    ...(basic !== undefined && {
      basic: {
        user: { text: basic.username, file: basic.username_file },
        password: { text: basic.password, file: basic.password_file },
      },
    }),
    ...(hasBearer && { authorization: { type: 'Bearer', credentials: bearer } }),
    ...(other !== undefined &&
      credentials !== undefined && { authorization: { type: other.type, credentials } }),
  };
}

function refuseBoth(
  value: Readonly<Record<string, unknown>>,
  keys: readonly [string, string],
  context: z.RefinementCtx,
): void {
  if (keys.some((key) => value[key] === undefined)) return;
  const message = `${keys[0]} and ${keys[1]} exclude each other; keep one`;
  context.addIssue({ code: 'custom', path: [keys[1]], message });
}
