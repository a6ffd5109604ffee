import { protocolErrorsCodesById } from '@platformatic/kafka';
import type { KafkaFault } from '../client.ts';
import { faultOfBroker, faultOfLogin, faultOfNetwork, faultOfVersion } from '../fault.ts';

/** Fields that errors of the library have, one or the other. */
interface LibraryError extends Error {
  readonly code?: string;
  /** Name of a broker's error. */
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
  readonly errors?: readonly LibraryError[];
  readonly cause?: LibraryError;
}

/** Answers that cannot be read, or in no version that the library knows. */
const STRANGE = /^(?:PLT_KFK_)?(?:UNSUPPORTED|OUT_OF_BOUNDS|UNEXPECTED_CORRELATION_ID)/;

/** A broker's name for an error of the protocol; undefined for 0, which is none. */
export function nameOfCode(code: number): string | undefined {
  if (code === 0) return undefined;
  return protocolErrorsCodesById[code] ?? `UNKNOWN_ERROR_${code}`;
}

/** What an error that the library threw means. `what` was attempted. */
export function faultOf(error: unknown, what: string, brokers: readonly string[]): KafkaFault {
  const all = [...within(error as LibraryError)];
  const login = all.find(({ code }) => code === 'PLT_KFK_AUTHENTICATION');
  const answered = all.find(({ apiId }) => apiId !== undefined);
  if (login !== undefined) return faultOfLogin(what, sentence(answered ?? login));
  const unknown = all.find(({ message }) => message.startsWith('Unknown topic'));
  if (unknown !== undefined) return faultOfBroker('UNKNOWN_TOPIC_OR_PARTITION', what);
  if (answered?.apiId !== undefined) {
    return faultOfBroker(answered.apiId, what, answered.serverErrorMessage ?? null);
  }
  const old = all.find(({ code }) => STRANGE.test(code ?? ''));
  if (old !== undefined) return faultOfVersion(what, sentence(old));
  const system = all.findLast(({ code }) => code !== undefined && !code.startsWith('PLT_KFK'));
  return faultOfNetwork(what, brokers, sentence(system ?? all.at(-1) ?? (error as LibraryError)));
}

/** The error, those it gathered and those that caused it, from the outside in. */
function* within(error: LibraryError, depth = 0): Generator<LibraryError, undefined> {
  yield error;
  if (depth > 8) return;
  for (const each of error.errors ?? []) yield* within(each, depth + 1);
  if (error.cause instanceof Error) yield* within(error.cause, depth + 1);
}

function sentence({ message, code, serverErrorMessage }: LibraryError): string {
  const said = serverErrorMessage ?? (message === '' ? (code ?? 'unknown error') : message);
  return said.replace(/\.$/, '').slice(0, 300);
}
