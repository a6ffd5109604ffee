/**
 * The `tls` section of a client: the keys of the OpenTelemetry Collector, read into what
 * `tls.connect` wants. Files are read when the first connection is made, and again for later
 * connections when `reload_interval` says so.
 */
import { readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { z } from 'zod';
import { duration, secret } from '../contract/settings.ts';

const VERSIONS = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const;

/** Names as Go's crypto/tls has them, to those of OpenSSL. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
};

const version = z.enum(['1.0', '1.1', '1.2', '1.3']);
const cipher = z.enum(Object.keys(CIPHERS) as [string, ...string[]]);

/** Schema of a client's `tls` section. */
export const clientTlsSettings = z
  .strictObject({
    insecure: z.boolean().default(false).describe('Speaks plain text instead of TLS.'),
    insecure_skip_verify: z
      .boolean()
      .default(false)
      .describe('Accepts any certificate; for tests only.'),
    server_name_override: z
      .string()
      .optional()
      .describe('Name to expect in the certificate instead of the host of the endpoint.'),
    ca_file: z.string().optional().describe('PEM file of the authorities to trust.'),
    ca_pem: secret().optional().describe('The same as text.'),
    include_system_ca_certs_pool: z
      .boolean()
      .default(false)
      .describe('Trusts the usual authorities beside those of ca_file or ca_pem.'),
    cert_file: z.string().optional().describe('PEM file of the client certificate.'),
    cert_pem: secret().optional().describe('The same as text.'),
    key_file: z.string().optional().describe('PEM file of the key of the client certificate.'),
    key_pem: secret().optional().describe('The same as text.'),
    min_version: version.default('1.2').describe('Lowest TLS version to accept.'),
    max_version: version.optional().describe('Highest TLS version to accept.'),
    cipher_suites: z
      .array(cipher)
      .default([])
      .describe('Cipher suites to offer; the usual ones when empty.'),
    reload_interval: duration({ positive: true })
      .optional()
      .describe('How long files count as unchanged; without it they are read once.'),
  })
  .superRefine((value, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    for (const kind of ['ca', 'cert', 'key'] as const) {
      if (value[`${kind}_file`] !== undefined && value[`${kind}_pem`] !== undefined) {
        refuse(`${kind}_pem`, `${kind}_file and ${kind}_pem exclude each other; keep one`);
      }
    }
    const cert = value.cert_file ?? value.cert_pem;
    const key = value.key_file ?? value.key_pem;
    if (cert !== undefined && key === undefined) refuse('cert_file', 'needs key_file or key_pem');
    if (cert === undefined && key !== undefined) refuse('key_file', 'needs cert_file or cert_pem');
    if (value.max_version !== undefined && value.max_version < value.min_version) {
      refuse('max_version', `must not be below min_version ${value.min_version}`);
    }
  });

/** A checked `tls` section. */
export type ClientTlsSettings = z.output<typeof clientTlsSettings>;

/**
 * TLS as one client speaks it. Making it throws when a file it names cannot be read or holds no
 * certificate: that is a mistake of the configuration, to be found before anything is sent.
 */
export class ClientTls {
  readonly #settings: ClientTlsSettings;
  #context: tls.SecureContext | undefined;
  #checkedAt = 0;
  #stamp = '';

  constructor(settings: ClientTlsSettings) {
    this.#settings = settings;
    const { ca_file, cert_file, key_file } = settings;
    if ((ca_file ?? cert_file ?? key_file) !== undefined) this.#secureContext();
  }

  /**
   * Options of `tls.connect` for a new connection to `host`. Throws when a file cannot be read
   * or holds no certificate; once a context exists, a bad file leaves it in use.
   */
  options(host: string): tls.ConnectionOptions {
    const name = this.#settings.server_name_override ?? host;
    return {
      secureContext: this.#secureContext(),
      rejectUnauthorized: !this.#settings.insecure_skip_verify,
      // SNI may carry names only; the certificate is checked against `host` either way.
      servername: net.isIP(name) === 0 ? name : '',
      host: name,
      checkServerIdentity: (_sent, certificate) => tls.checkServerIdentity(name, certificate),
    };
  }

  #secureContext(): tls.SecureContext {
    const every = this.#settings.reload_interval;
    const current = this.#context;
    const now = performance.now();
    if (current !== undefined && (every === undefined || now - this.#checkedAt < every)) {
      return current;
    }
    this.#checkedAt = now;
    try {
      const stamp = this.#stampOfFiles();
      if (current !== undefined && stamp === this.#stamp) return current;
      this.#context = this.#create();
      this.#stamp = stamp;
      return this.#context;
    } catch (error) {
      if (current !== undefined) return current;
      throw error;
    }
  }

  #stampOfFiles(): string {
    const { ca_file, cert_file, key_file } = this.#settings;
    return [ca_file, cert_file, key_file]
      .map((path) => {
        if (path === undefined) return '';
        const found = statSync(path, { throwIfNoEntry: false });
        if (found === undefined) throw new Error(`cannot read ${path}: there is no such file`);
        return `${found.mtimeMs}/${found.size}/${found.ino}`;
      })
      .join(' ');
  }

  #create(): tls.SecureContext {
    const settings = this.#settings;
    const own = settings.ca_file === undefined ? settings.ca_pem : read(settings.ca_file);
    const cert = settings.cert_file === undefined ? settings.cert_pem : read(settings.cert_file);
    const key = settings.key_file === undefined ? settings.key_pem : read(settings.key_file);
    const usual = settings.include_system_ca_certs_pool ? usualAuthorities() : [];
    const suites = settings.cipher_suites.map((suite) => CIPHERS[suite]).join(':');
    return tls.createSecureContext({
      ...(own === undefined ? {} : { ca: [...usual, own] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(suites === '' ? {} : { ciphers: suites }),
      minVersion: VERSIONS[settings.min_version],
      ...(settings.max_version === undefined ? {} : { maxVersion: VERSIONS[settings.max_version] }),
    });
  }
}

function usualAuthorities(): string[] {
  return [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${path}`, { cause: error });
  }
}
