/** What can be wrong with bytes that claim to be a protobuf message. */
export type WireFault =
  | 'truncated'
  | 'overlong varint'
  | 'bad tag'
  | 'wrong wire type'
  | 'invalid utf-8'
  | 'bad id length'
  | 'nested too deeply'
  | 'unbalanced group';

const EXPLANATIONS: Readonly<Record<WireFault, string>> = {
  truncated: 'a field runs past the end of its message',
  'overlong varint': 'a number has more bytes than its type allows',
  'bad tag': 'not a field: its number or wire type does not exist',
  'wrong wire type': 'a known field has the wire type of another type',
  'invalid utf-8': 'a string is not valid UTF-8',
  'bad id length': 'a trace id is not 16 bytes or a span id not 8 bytes long',
  'nested too deeply': 'values are nested too deeply',
  'unbalanced group': 'a group ends that did not begin, or begins and does not end',
};

/** Bytes that are not the message they should be. Its sender must change them to be accepted. */
export class WireError extends Error {
  readonly fault: WireFault;
  /** Where the field at fault begins, in bytes from the start of what was read. */
  readonly offset: number;

  constructor(fault: WireFault, offset: number) {
    super(`cannot read protobuf at byte ${offset}: ${EXPLANATIONS[fault]}`);
    this.name = 'WireError';
    this.fault = fault;
    this.offset = offset;
  }
}
