import type { KafkaFault } from '../client.ts';
import {
  faultOfAbort,
  faultOfBroker,
  faultOfLogin,
  faultOfNetwork,
  faultOfVersion,
} from '../fault.ts';

/** Fields that errors of kafkajs have, one or the other. */
interface LibraryError extends Error {
  /** Name of a broker's error. */
  readonly type?: string;
  readonly code?: string | number;
  readonly cause?: LibraryError;
}

/** Names of errors that the protocol has renamed since. */
const RENAMED: Readonly<Record<string, string>> = {
  NOT_LEADER_FOR_PARTITION: 'NOT_LEADER_OR_FOLLOWER',
  INVALID_TOPIC_EXCEPTION: 'INVALID_TOPIC_EXCEPTION',
  GROUP_LOAD_IN_PROGRESS: 'COORDINATOR_LOAD_IN_PROGRESS',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR_FOR_GROUP: 'NOT_COORDINATOR',
};

/** Answers that cannot be read, or in no version that the library knows. */
const STRANGE = /^(?:ERR_OUT_OF_RANGE|KAFKAJS_VERSION)/;

/** What an error that kafkajs threw means. `what` was attempted. */
export function faultOf(error: unknown, what: string, brokers: readonly string[]): KafkaFault {
  const all = chain(error as LibraryError);
  const name = nameOf(error);
  const deepest = all.at(-1) ?? (error as LibraryError);
  const login = all.find((each) => each.name.startsWith('KafkaJSSASL'));
  if (login !== undefined) return faultOfLogin(what, sentence(login));
  if (name !== undefined) return faultOfBroker(name, what);
  if (all.some((each) => each.name === 'KafkaJSRequestTimeoutError')) return faultOfAbort(what);
  const old = all.find(
    ({ name: kind, code }) => kind === 'RangeError' || STRANGE.test(String(code)),
  );
  if (old !== undefined) return faultOfVersion(what, sentence(old));
  return faultOfNetwork(what, brokers, sentence(deepest));
}

/** The broker's name of the error; undefined when no broker answered. */
export function nameOf(error: unknown): string | undefined {
  const type = chain(error as LibraryError).find((each) => each.type !== undefined)?.type;
  return type === undefined ? undefined : (RENAMED[type] ?? type);
}

function chain(error: LibraryError): LibraryError[] {
  const all: LibraryError[] = [];
  for (let next: LibraryError | undefined = error; next instanceof Error; next = next.cause) {
    if (all.includes(next)) break;
    all.push(next);
  }
  return all;
}

function sentence({ message, code }: LibraryError): string {
  const said = message === '' ? String(code ?? 'unknown error') : message;
  return said.replace(/^Connection error: /, '').slice(0, 300);
}
