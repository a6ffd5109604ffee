/** Content codings that can be undone here, by their names in Content-Encoding. */
export const CODINGS: readonly string[] = [
  'gzip',
  'zstd',
  'zlib',
  'deflate',
  'snappy',
  'x-snappy-framed',
  'lz4',
];

/** The coding that a Content-Encoding names, whatever its case; `identity` when it names none. */
export function codingOf(contentEncoding: string | undefined): string {
  const coding = contentEncoding?.trim().toLowerCase() ?? '';
  if (coding === '') return 'identity';
  // The two are one coding by RFC 9110.
  return coding === 'x-gzip' ? 'gzip' : coding;
}
