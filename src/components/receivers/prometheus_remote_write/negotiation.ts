import type { Outcome } from '../../../contract/outcome.ts';

/** Versions of remote-write. */
export type Version = 'v1' | 'v2';

const MEDIA_TYPE = 'application/x-protobuf';

/** What a Content-Type names by its `proto` parameter. */
const MESSAGES: Readonly<Record<string, Version>> = {
  'prometheus.WriteRequest': 'v1',
  'io.prometheus.write.v2.Request': 'v2',
};

/** The two content types that senders write almost always, ready to look up. */
const USUAL: Readonly<Record<string, Version>> = {
  [MEDIA_TYPE]: 'v1',
  [`${MEDIA_TYPE};proto=prometheus.WriteRequest`]: 'v1',
  [`${MEDIA_TYPE};proto=io.prometheus.write.v2.Request`]: 'v2',
};

/**
 * The version a Content-Type names, in any spelling of RFC 9110: spaces around parameters, quotes,
 * and a media type in any case. None at all is 1.0; undefined when it names something else.
 */
export function versionOf(contentType: string | undefined): Version | undefined {
  if (contentType === undefined || contentType.trim() === '') return 'v1';
  const usual = USUAL[contentType];
  if (usual !== undefined) return usual;
  const [type = '', ...parameters] = contentType.split(';');
  if (type.trim().toLowerCase() !== MEDIA_TYPE) return undefined;
  let version: Version | undefined = 'v1';
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    if (parameter.slice(0, equals).trim().toLowerCase() !== 'proto') continue;
    const value = parameter.slice(equals + 1).trim();
    const message = /^"(.*)"$/.exec(value)?.[1]?.replace(/\\(.)/g, '$1') ?? value;
    version = Object.hasOwn(MESSAGES, message) ? MESSAGES[message] : undefined;
  }
  return version;
}

/** Whether the Content-Encoding headers leave it at snappy; none at all do. */
export function isSnappy(encodings: readonly string[]): boolean {
  if (encodings.length > 1) return false;
  const coding = encodings[0]?.trim().toLowerCase() ?? '';
  return coding === '' || coding === 'snappy';
}

/** Which try this is, from the header Prometheus sends with retries; 0 for the first. */
export function retryAttempt(header: string | undefined): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : 0;
}

export const UNSUPPORTED_TYPE: Outcome = {
  kind: 'rejected',
  reason: 'unsupported_media_type',
  message: `content-type must be ${MEDIA_TYPE}, with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request`,
  fault: 'unsupported',
};

export const UNSUPPORTED_ENCODING: Outcome = {
  kind: 'rejected',
  reason: 'unsupported_encoding',
  message: 'content-encoding must be snappy',
  fault: 'unsupported',
};
