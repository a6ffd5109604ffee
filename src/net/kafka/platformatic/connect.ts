import type { BaseOptions, ConnectionPool, SASLOptions } from '@platformatic/kafka';
import net from 'node:net';
import type tls from 'node:tls';
import type { KafkaConnection, KafkaSasl } from '../client.ts';

/** Options that producers and consumers of the library have in common. It retries nothing. */
export function baseOptions(connection: KafkaConnection): BaseOptions {
  const { brokers, clientId, sasl } = connection;
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: connection.connectTimeoutMs,
    requestTimeout: connection.requestTimeoutMs,
    timeout: connection.requestTimeoutMs,
    retries: 0,
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    ...tlsOptions(connection),
  };
}

/** An error that a connection reports when nobody waits for it any more must not end the thread. */
export function quiet<T extends Client>(client: T): T {
  quietPool(client.connections);
  client.on('error', () => undefined);
  return client;
}

/** The same for connections that belong to no client. */
export function quietPool(pool: ConnectionPool): ConnectionPool {
  return pool.on('connecting', ({ connection }) => {
    connection.on('error', () => undefined);
    // One that is lost keeps the timer that logs in again, for as long as the login was good.
    connection.once('close', () => void connection.close());
  });
}

interface Client {
  readonly connections: ConnectionPool;
  on(event: 'error', listener: () => void): unknown;
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'OAUTHBEARER') return { mechanism: 'OAUTHBEARER', token: sasl.token };
  const { mechanism, username, password } = sasl;
  return { mechanism, username, password };
}

function tlsOptions({ tls: own, brokers }: KafkaConnection): Partial<BaseOptions> {
  if (own === undefined) return {};
  const { host: override = '', rejectUnauthorized, checkServerIdentity } = own.options('');
  const options: tls.ConnectionOptions = {
    rejectUnauthorized: rejectUnauthorized ?? true,
    // Read for each connection, so that renewed certificates are used.
    get secureContext() {
      return own.options('').secureContext as tls.SecureContext;
    },
  };
  if (override !== '' && checkServerIdentity !== undefined) {
    options.checkServerIdentity = checkServerIdentity;
    return { tls: options, ...(net.isIP(override) === 0 ? { tlsServerName: override } : {}) };
  }
  // A name is sent where brokers have one; they are checked against host or address either way.
  const addresses = brokers.some((broker) => net.isIP(broker.replace(/:\d+$/, '')) !== 0);
  return { tls: options, ...(addresses ? {} : { tlsServerName: true }) };
}
