/** Versions of remote-write. */
export type Version = 'v1' | 'v2';

const HEADERS: Readonly<Record<Version, Readonly<Record<string, string>>>> = {
  v1: {
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
  },
  // Without a space after the semicolon: servers exist that do not trim.
  v2: {
    'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    'x-prometheus-remote-write-version': '2.0.0',
  },
};

/** Headers of every request of a version; `program` is the version of this program. */
export function headersOf(version: Version, program: string): Readonly<Record<string, string>> {
  return {
    ...HEADERS[version],
    'content-encoding': 'snappy',
    'user-agent': `millrace/${program}`,
  };
}
