import kafkajs, { type Kafka, type SASLOptions } from 'kafkajs';
import net from 'node:net';
import tls from 'node:tls';
import type { KafkaConnection, KafkaSasl } from '../client.ts';
import { registerCodecs } from './codecs.ts';
import { mendRequestQueue } from './request-queue.ts';

const KEEP_ALIVE_MS = 60_000;
const RETRY = { initialRetryTime: 50, maxRetryTime: 200 };
let turn = 0;
const MECHANISMS = {
  PLAIN: 'plain',
  'SCRAM-SHA-256': 'scram-sha-256',
  'SCRAM-SHA-512': 'scram-sha-512',
} as const;

/** A cluster as kafkajs sees it, and a hold on its sockets. */
export interface Connected {
  readonly kafka: Kafka;
  /**
   * Ends every connection at once. kafkajs itself waits for answers before it lets go of one, and
   * a broker that hangs gives none.
   */
  readonly destroy: () => void;
}

/** The library set up, its known defects mended. */
export function connectKafkajs(connection: KafkaConnection): Connected {
  mendRequestQueue();
  registerCodecs();
  const sockets = new Set<net.Socket>();
  const { tls: own, sasl, connectTimeoutMs, requestTimeoutMs } = connection;
  const kafka = new kafkajs.Kafka({
    clientId: connection.clientId,
    brokers: inTurn(connection.brokers),
    connectionTimeout: connectTimeoutMs,
    authenticationTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // What is repeated is the way in, over all brokers that were named.
    retry: { ...RETRY, retries: connection.brokers.length - 1 },
    logLevel: kafkajs.logLevel.NOTHING,
    ...(own === undefined ? {} : { ssl: true }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    socketFactory: ({ host, port, onConnect }) => {
      const socket =
        own === undefined
          ? net.connect({ host, port }, onConnect)
          : tls.connect({ ...own.options(host), host, port }, onConnect);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  return {
    kafka,
    destroy: () => {
      // Without an error the library keeps waiting for a connection that is not there yet.
      for (const socket of sockets) socket.destroy(new Error('the client was closed'));
    },
  };
}

/** The library asks the first broker first: another one each time, as one may be gone. */
function inTurn(brokers: readonly string[]): string[] {
  const first = turn++ % brokers.length;
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism !== 'OAUTHBEARER') {
    const { username, password } = sasl;
    return { mechanism: MECHANISMS[sasl.mechanism] as 'plain', username, password };
  }
  const oauthBearerProvider = async () => ({ value: await sasl.token() });
  return { mechanism: 'oauthbearer', oauthBearerProvider };
}
