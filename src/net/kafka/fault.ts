/** What the errors of brokers and libraries mean for whoever holds the records. */
import type { KafkaFault } from './client.ts';

/** Errors of brokers after which the same records can never be written. */
const FATAL: ReadonlySet<string> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_REQUIRED_ACKS',
  'POLICY_VIOLATION',
]);

/** Errors that say the records are too many or too large together. */
const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Errors after which leaders have to be asked for anew. */
const STALE: ReadonlySet<string> = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
]);

/** Errors after which an idempotent producer needs a new identity. */
const IDENTITY: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

const REMEDIES: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'the user of auth.sasl needs an ACL for the topic',
  GROUP_AUTHORIZATION_FAILED: 'the user of auth.sasl needs an ACL for the group',
  CLUSTER_AUTHORIZATION_FAILED: 'idempotence needs the ACL IdempotentWrite on brokers before 2.8',
  INVALID_TOPIC_EXCEPTION: 'names have letters, digits, dots, hyphens and underscores, at most 249',
  UNKNOWN_TOPIC_OR_PARTITION: 'create the topic, or let the broker create it',
  UNSUPPORTED_VERSION: 'the broker is too old; Kafka 2.1 is the oldest that is spoken to',
  UNSUPPORTED_COMPRESSION_TYPE: 'choose another compression; zstd needs Kafka 2.1',
  NOT_ENOUGH_REPLICAS: 'too few replicas are in sync for required_acks all',
};

/** Whether metadata is stale after this error of a broker. */
export function isStale(error: string): boolean {
  return STALE.has(error);
}

/** Whether this error of a broker ends the identity of an idempotent producer. */
export function endsIdentity(error: string): boolean {
  return IDENTITY.has(error);
}

/** What a broker's error means, by its name in the protocol; `what` was attempted. */
export function faultOfBroker(error: string, what: string, said?: string | null): KafkaFault {
  const kind = TOO_LARGE.has(error) ? 'too_large' : FATAL.has(error) ? 'rejected' : 'retry';
  const detail = said === undefined || said === null || said === '' ? '' : `: ${said}`;
  const remedy = REMEDIES[error];
  const hint = remedy === undefined ? '' : `; ${remedy}`;
  return {
    kind,
    reason: error.toLowerCase(),
    message: `cannot ${what}: the broker answered ${error}${detail}${hint}`,
  };
}

/** Wrong credentials may be put right on either side, so the records are kept. */
export function faultOfLogin(what: string, said: string): KafkaFault {
  const message = `cannot ${what}: the broker refused the credentials of auth.sasl: ${said}`;
  return { kind: 'retry', reason: 'authentication_failed', message };
}

/** The broker speaks no version of the protocol that is spoken here, or no Kafka at all. */
export function faultOfVersion(what: string, said: string): KafkaFault {
  const message = `cannot ${what}: the broker is too old or no Kafka broker: ${said}`;
  return { kind: 'retry', reason: 'unsupported_version', message };
}

/** No connection, or one that broke. */
export function faultOfNetwork(what: string, brokers: readonly string[], said: string): KafkaFault {
  const message = `cannot ${what} at ${brokers.join(', ')}: ${said}`;
  return { kind: 'retry', reason: 'connection_failed', message };
}

/** The caller's time is up. */
export function faultOfAbort(what: string): KafkaFault {
  return { kind: 'retry', reason: 'timeout', message: `cannot ${what}: no answer in time` };
}

/** The client was closed meanwhile. */
export function faultOfClose(what: string): KafkaFault {
  return { kind: 'retry', reason: 'stopping', message: `cannot ${what}: the client stops` };
}
