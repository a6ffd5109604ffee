/** Sampling of decoded messages, in the plainest way: what sampling on the wire is held against. */
import { thresholdFor } from '../../src/formats/otlp/sampling/threshold.ts';
import type { Pair } from './otlp-model.ts';
import type { Plain } from './otlp-requests.ts';

export interface ModelSettings {
  readonly mode: 'hash_seed' | 'proportional' | 'equalizing';
  readonly sampling_percentage: number;
  readonly hash_seed: number;
  readonly fail_closed: boolean;
}

const WHOLE = 2n ** 56n;

interface State {
  /** Keys and values of ot, in their order. */
  pairs: [string, string][];
  others: string[];
  hasVendor: boolean;
}

const MEMBER = /^([a-z0-9][a-z0-9_*@/-]{0,255})=([\x20-\x3c\x3e-\x7e]{1,256})$/;
const PAIR = /^([a-z][a-z0-9]*):([A-Za-z0-9._-]*)$/;

function parseState(text: string): State | undefined {
  const state: State = { pairs: [], others: [], hasVendor: false };
  for (const raw of text.split(',')) {
    const member = raw.replace(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') continue;
    const [, key, value = ''] = MEMBER.exec(member) ?? [];
    if (key === undefined) return undefined;
    if (key !== 'ot') {
      state.others.push(member);
      continue;
    }
    if (state.hasVendor) return undefined;
    state.hasVendor = true;
    for (const pair of value.split(';')) {
      const [, name, text = ''] = PAIR.exec(pair) ?? [];
      if (name === undefined) return undefined;
      if (['th', 'rv'].includes(name) && state.pairs.some(([known]) => known === name))
        return undefined;
      state.pairs.push([name, text]);
    }
  }
  return state.others.length + Number(state.hasVendor) > 32 ? undefined : state;
}

/** The same state with another threshold, or with none. */
function formatState({ pairs, others }: State, digits: string | undefined): string {
  const has = pairs.some(([name]) => name === 'th');
  const edited: (readonly [string, string | undefined])[] = pairs.map(([name, text]) =>
    name === 'th' ? [name, digits] : [name, text],
  );
  if (!has) edited.unshift(['th', digits]);
  const left = edited.filter(([, text]) => text !== undefined).map((pair) => pair.join(':'));
  return [...(left.length > 0 ? [`ot=${left.join(';')}`] : []), ...others].join();
}

function valueOf(state: State, name: string, pattern: RegExp): bigint | undefined {
  const text = state.pairs.find(([known]) => known === name)?.[1];
  return text !== undefined && pattern.test(text) ? BigInt(`0x${text.padEnd(14, '0')}`) : undefined;
}

function bucketOf(id: Uint8Array, seed: number): number {
  const seedBytes = Buffer.alloc(4);
  seedBytes.writeUInt32LE(seed);
  let hash = 2166136261n;
  for (const byte of [...seedBytes, ...id]) hash = ((hash ^ BigInt(byte)) * 16777619n) % 2n ** 32n;
  return Number(hash % 16384n);
}

function priorityOf(span: Plain): number {
  const pairs = (span['attributes'] ?? []) as Pair[];
  const value = pairs.find(({ key }) => key === 'sampling.priority')?.value ?? {};
  const { intValue, doubleValue, stringValue } = value;
  if (typeof intValue === 'string') return Number(intValue);
  if (typeof doubleValue === 'number') return doubleValue;
  return typeof stringValue === 'string' && /^\d/.test(stringValue) ? Number(stringValue) : -1;
}

/** Whether a span is kept; it is given the tracestate it leaves with. */
export function keepSpan(span: Plain, settings: ModelSettings): boolean {
  const { mode, sampling_percentage: percentage, fail_closed: failClosed } = settings;
  const text = (span['traceState'] ?? '') as string;
  const priority = priorityOf(span);
  if (priority === 0) return false;
  if (percentage === 0 && !(priority > 0)) return false;
  const state = parseState(text);
  const id = Buffer.from((span['traceId'] ?? '') as string, 'base64');
  const hasId = id.length === 16 && id.some((byte) => byte !== 0);
  const threshold = state && valueOf(state, 'th', /^[0-9a-f]{1,14}$/);
  const explicit = state && valueOf(state, 'rv', /^[0-9a-f]{14}$/);
  const own = hasId ? BigInt(`0x${id.toString('hex').slice(18)}`) : undefined;
  const randomness = explicit ?? own;
  const write = (digits: string | undefined) => {
    const after = formatState(state!, digits);
    // By the rules of room: 256 characters of ot, 32 members.
    const vendor = /^ot=([^,]*)/.exec(after)?.[1] ?? '';
    if (vendor.length > 256 || after.split(',').length > 32) return;
    if (after === '') delete span['traceState'];
    else span['traceState'] = after;
  };
  const isHash = mode === 'hash_seed';
  const isInUse = isHash && (threshold !== undefined || explicit !== undefined);
  const isInconsistent =
    threshold !== undefined && randomness !== undefined && randomness < threshold;
  if (priority > 0) {
    if (isHash || state === undefined) return true;
    if (isInconsistent) write(undefined);
    else if (threshold === undefined) write('0');
    return true;
  }
  if (state === undefined || isInUse || randomness === undefined || (!isHash && isInconsistent)) {
    if (failClosed) return false;
    if (state !== undefined && !isHash && isInconsistent) write(undefined);
    return true;
  }
  if (isHash) {
    const buckets = Math.trunc(Math.fround(Math.fround(percentage) * Math.fround(163.84)));
    return bucketOf(id, settings.hash_seed) < buckets;
  }
  const ratio = Math.fround(percentage) / 100;
  const before = Number(WHOLE - (threshold ?? 0n)) / 2 ** 56;
  const stage = thresholdFor(mode === 'proportional' ? ratio * before : ratio, 4);
  if (stage === undefined) return false;
  const value = BigInt(`0x${Buffer.from(stage.digits).toString().padEnd(14, '0')}`);
  const effective = threshold !== undefined && threshold > value ? threshold : value;
  if (randomness < effective) return false;
  const digits = effective.toString(16).padStart(14, '0').replace(/0+$/, '') || '0';
  if (threshold !== effective) write(digits);
  return true;
}
