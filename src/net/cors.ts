import { type HttpHandler, type HttpHead, type HttpReply, isUpload } from './http.ts';

/** Which pages may send from a browser. */
export interface CorsOptions {
  /** Origins; `*` stands for any characters, also within one. */
  readonly allowedOrigins: readonly string[];
  /** Request headers beyond those every page may send. `*` allows all. */
  readonly allowedHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
  /** 0: browsers use their own default. */
  readonly maxAgeSeconds: number;
}

const ALWAYS_ALLOWED = ['accept', 'content-type', 'content-encoding', 'x-requested-with'];

type Headers = Record<string, string>;

/** Answers preflight requests and marks answers to allowed origins as readable. */
export function withCors(handler: HttpHandler, options: CorsOptions): HttpHandler {
  const origins = options.allowedOrigins.map(patternOf);
  const headersFor = (head: HttpHead): Headers | undefined => {
    const origin = head.headers('origin')[0];
    if (origin === undefined || !origins.some((pattern) => pattern.test(origin))) return undefined;
    const headers: Headers = {
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    };
    if (options.exposedHeaders.length > 0) {
      headers['access-control-expose-headers'] = options.exposedHeaders.join(', ');
    }
    return headers;
  };
  const withHeaders = withReplyHeaders(handler, headersFor);
  return (head, announced) => {
    const asked = head.headers('access-control-request-method')[0];
    if (head.method !== 'OPTIONS' || asked === undefined) return withHeaders(head, announced);
    const headers = headersFor(head);
    if (headers === undefined || asked !== 'POST')
      return { status: 204, headers: { vary: 'Origin' } };
    headers['access-control-allow-methods'] = 'POST';
    const wanted = head.headers('access-control-request-headers')[0] ?? '';
    const allowed = allowedOf(wanted, options.allowedHeaders);
    if (allowed !== '') headers['access-control-allow-headers'] = allowed;
    if (options.maxAgeSeconds > 0) headers['access-control-max-age'] = `${options.maxAgeSeconds}`;
    return { status: 204, headers };
  };
}

/** Adds headers to every answer; the answer's own win. */
export function withReplyHeaders(
  handler: HttpHandler,
  headersFor: (head: HttpHead) => Headers | undefined,
): HttpHandler {
  return (head, announced) => {
    const extra = headersFor(head);
    const answer = handler(head, announced);
    if (extra === undefined) return answer;
    const add = (reply: HttpReply): HttpReply => ({
      ...reply,
      headers: { ...extra, ...reply.headers },
    });
    const addMaybe = (reply: HttpReply | undefined) => reply && add(reply);
    if (!isUpload(answer)) return add(answer);
    return {
      maxBytes: answer.maxBytes,
      grow: (bytes) => addMaybe(answer.grow(bytes)),
      complete: async (body) => add(await answer.complete(body)),
      abandoned: (why) => addMaybe(answer.abandoned(why)),
    };
  };
}

function allowedOf(wanted: string, allowed: readonly string[]): string {
  if (allowed.includes('*')) return wanted;
  return [...ALWAYS_ALLOWED, ...allowed].join(', ');
}

/** An origin with asterisks as an expression; anything else in it is literal. */
function patternOf(origin: string): RegExp {
  const parts = origin.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^\\s]*')}$`, 'i');
}
