/** A failure in words, with what to look at. */
export function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  const first =
    error instanceof AggregateError && error.errors[0] instanceof Error
      ? error.errors[0].message
      : error.message;
  const hint = /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO/.test(code)
    ? '; is tls.ca_file or tls.server_name_override meant?'
    : /^ERR_SSL|EPROTO/.test(code)
      ? '; does the peer speak TLS?'
      : '';
  return `${first === '' ? code : first}${cause}${hint}`;
}
