import { readFileSync } from 'node:fs';
import tls, { type SecureContextOptions, type SecureVersion, type TlsOptions } from 'node:tls';
import { z } from 'zod';
import type { Logger } from '../../contract/context.ts';
import { duration, ignored, secret } from '../../contract/settings.ts';

const version = z.enum(['1.2', '1.3'], { error: 'expected 1.2 or 1.3; older TLS is broken' });

/** Server side `tls` section, with the keys of the OpenTelemetry Collector. */
export function serverTlsSettings() {
  return z
    .strictObject({
      cert_file: z.string().optional().describe('Path of the certificate chain, PEM.'),
      cert_pem: z.string().optional().describe('The certificate chain itself, PEM.'),
      key_file: z.string().optional().describe('Path of the private key, PEM.'),
      key_pem: secret().optional().describe('The private key itself, PEM.'),
      ca_file: ignored(z.string(), 'it verifies servers; client_ca_file verifies clients'),
      ca_pem: ignored(z.string(), 'it verifies servers; client_ca_file verifies clients'),
      client_ca_file: z
        .string()
        .optional()
        .describe('Path of the authorities whose client certificates are required and verified.'),
      client_ca_file_reload: z
        .boolean()
        .default(false)
        .describe('Look for a changed client_ca_file every few seconds.'),
      min_version: version.default('1.2').describe('Oldest TLS version to accept.'),
      max_version: version.optional().describe('Newest TLS version to accept.'),
      cipher_suites: z
        .array(z.string())
        .default([])
        .describe('TLS 1.2 cipher suites by their IANA names; empty for the safe default.'),
      include_insecure_cipher_suites: ignored(z.boolean(), 'insecure suites are never offered'),
      curve_preferences: z
        .array(z.string())
        .default([])
        .describe('Key exchange groups, best first, such as X25519 or P256.'),
      reload_interval: duration()
        .default(60_000)
        .describe('How often to look for changed files; 0 for never.'),
    })
    .superRefine((value, context) => {
      if ((value.cert_file ?? value.cert_pem) === undefined) {
        context.addIssue({ code: 'custom', message: 'needs cert_file or cert_pem' });
      }
      if ((value.key_file ?? value.key_pem) === undefined) {
        context.addIssue({ code: 'custom', message: 'needs key_file or key_pem' });
      }
    });
}

/** Output of `serverTlsSettings`. */
export type ServerTlsConfig = z.output<ReturnType<typeof serverTlsSettings>>;

const CLIENT_CA_RELOAD_MS = 5000;

const CURVES: Readonly<Record<string, string>> = {
  P256: 'P-256',
  P384: 'P-384',
  P521: 'P-521',
};

/** Certificates of a server, read again when their files change. */
export class ServerTls {
  readonly #config: ServerTlsConfig;
  readonly #log: Logger;

  constructor(config: ServerTlsConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** What `tls.createServer` needs. Throws when a file cannot be read or makes no sense. */
  options(): TlsOptions {
    const options = this.#read();
    tls.createSecureContext(options);
    const mutual = this.#config.client_ca_file !== undefined;
    return { ...options, requestCert: mutual, rejectUnauthorized: mutual };
  }

  /**
   * Calls back with new options whenever the files changed and are good; bad ones are logged and
   * the old stay. Answers how to stop watching.
   */
  watch(changed: (options: SecureContextOptions) => void): () => void {
    const everyMs = this.#config.client_ca_file_reload
      ? Math.min(this.#config.reload_interval || CLIENT_CA_RELOAD_MS, CLIENT_CA_RELOAD_MS)
      : this.#config.reload_interval;
    if (everyMs === 0) return () => {};
    let last = this.#print();
    const timer = setInterval(() => {
      const now = this.#print();
      if (now === last) return;
      last = now;
      try {
        const options = this.#read();
        tls.createSecureContext(options);
        changed(options);
        this.#log.info('reloaded the TLS certificates');
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#log.error('cannot use the changed TLS files; the old certificates stay', { reason });
      }
    }, everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  #read(): SecureContextOptions {
    const config = this.#config;
    const ca = config.client_ca_file;
    return {
      cert: config.cert_pem ?? readFileSync(config.cert_file ?? ''),
      key: config.key_pem ?? readFileSync(config.key_file ?? ''),
      minVersion: `TLSv${config.min_version}` satisfies SecureVersion,
      ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
      ...(config.max_version === undefined ? {} : { maxVersion: `TLSv${config.max_version}` }),
      ...(config.cipher_suites.length === 0
        ? {}
        : { ciphers: config.cipher_suites.map(opensslName).join(':') }),
      ...(config.curve_preferences.length === 0
        ? {}
        : { ecdhCurve: config.curve_preferences.map((name) => CURVES[name] ?? name).join(':') }),
    };
  }

  /** The content of the files as one string, or of the error; only ever compared. */
  #print(): string {
    const { cert_file: cert, key_file: key, client_ca_file: ca } = this.#config;
    try {
      return [cert, key, ca].map((path) => (path ? readFileSync(path, 'latin1') : '')).join('\0');
    } catch (error) {
      return String(error);
    }
  }
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` as OpenSSL spells it; TLS 1.3 names stay. */
function opensslName(name: string): string {
  const match = /^TLS_(ECDHE)_(RSA|ECDSA)_WITH_(.+)$/.exec(name);
  if (match === null) return name;
  const cipher = (match[3] ?? '')
    .replace(/^CHACHA20_POLY1305(_SHA256)?$/, 'CHACHA20-POLY1305')
    .replace(/AES_(\d+)_/, 'AES$1-')
    .replace('CBC_', '')
    .replaceAll('_', '-');
  return `${match[1]}-${match[2]}-${cipher}`;
}
