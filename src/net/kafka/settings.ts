/** Settings that everything that talks to Kafka has, written once. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { duration, secret } from '../../contract/settings.ts';
import { unsupported } from '../client/settings.ts';
import { ClientTls, clientTlsSettings } from '../client-tls.ts';
import type { KafkaConnection, KafkaSasl } from './client.ts';

const BROKER = /^(?:\[[^\]]+\]|[^\s:/]+):\d{1,5}$/;

const broker = z.string().superRefine((value, context) => {
  if (BROKER.test(value)) return;
  const message = `${JSON.stringify(value)} is not host:port; write localhost:9092`;
  context.addIssue({ code: 'custom', message });
});

const sasl = z
  .strictObject({
    mechanism: z
      .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
      .describe('How the broker wants clients to log in.'),
    username: z.string().optional().describe('For all mechanisms but OAUTHBEARER.'),
    password: secret().optional().describe('For all mechanisms but OAUTHBEARER.'),
    token: secret().optional().describe('Token for OAUTHBEARER.'),
    token_file: z
      .string()
      .optional()
      .describe('File that holds the token; read for each connection.'),
    version: z.int().min(0).max(1).optional().meta({ ignored: 'it is agreed with the broker' }),
    aws_msk: unsupported('log in with SCRAM-SHA-512 or mTLS'),
    oauthbearer_token_source: unsupported('write token or token_file'),
  })
  .superRefine((value, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const { mechanism, username, password, token, token_file } = value;
    if (mechanism === 'OAUTHBEARER') {
      if (token === undefined && token_file === undefined)
        refuse('token', 'or token_file is missing');
      if (token !== undefined && token_file !== undefined) {
        refuse('token_file', 'token and token_file exclude each other; keep one');
      }
      return;
    }
    if (username === undefined) refuse('username', `is missing; ${mechanism} needs one`);
    if (password === undefined) refuse('password', `is missing; ${mechanism} needs one`);
  });

/** Keys of a section that say where a cluster is and how to connect to it. */
export const connectionSettings = {
  brokers: z
    .array(broker)
    .min(1)
    .default(['localhost:9092'])
    .describe('Some brokers; the others are learned from them.'),
  client: z
    .enum(['platformatic', 'kafkajs'])
    .default('platformatic')
    .describe('Library that speaks to the brokers; kafkajs for brokers before 2.4.'),
  client_id: z
    .string()
    .regex(/^\S+$/, 'must have no spaces')
    .default('millrace')
    .describe('Name in quotas and logs.'),
  protocol_version: z.string().optional().meta({ ignored: 'versions are agreed with the brokers' }),
  resolve_canonical_bootstrap_servers_only: unsupported(
    'name the brokers as their certificates do',
  ),
  tls: clientTlsSettings.optional().describe('TLS to the brokers; plain text when absent.'),
  auth: z
    .strictObject({
      sasl: sasl.optional().describe('Logs in with SASL.'),
      kerberos: unsupported('log in with SCRAM or mTLS'),
      plain_text: unsupported('write auth.sasl with mechanism PLAIN'),
      tls: unsupported('write tls beside auth'),
    })
    .optional()
    .describe('How to log in.'),
  connect_timeout: duration({ positive: true })
    .default(10_000)
    .describe('Longest wait for a connection.'),
} as const;

const schema = z.object(connectionSettings);

/** Checked keys of `connectionSettings`. */
export type ConnectionSettings = Pick<
  z.output<typeof schema>,
  'brokers' | 'client_id' | 'tls' | 'auth' | 'connect_timeout'
>;

/**
 * What a client is told of a checked section. Throws where a file of `tls` cannot be read, as
 * `ClientTls` does.
 */
export function connectionOf(
  settings: ConnectionSettings,
  requestTimeoutMs: number,
): KafkaConnection {
  const { tls, auth } = settings;
  return {
    brokers: settings.brokers,
    clientId: settings.client_id,
    connectTimeoutMs: settings.connect_timeout,
    requestTimeoutMs,
    ...(tls === undefined || tls.insecure ? {} : { tls: new ClientTls(tls) }),
    ...(auth?.sasl === undefined ? {} : { sasl: saslOf(auth.sasl) }),
  };
}

function saslOf(settings: z.output<typeof sasl>): KafkaSasl {
  const { mechanism, username = '', password = '', token = '', token_file } = settings;
  if (mechanism !== 'OAUTHBEARER') return { mechanism, username, password };
  const read = async () =>
    token_file === undefined ? token : (await readFile(token_file, 'utf8')).trim();
  return { mechanism, token: read };
}
