import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { ownBytes } from '../../../wire/memory.ts';
import { AttributeList } from '../attributes.ts';
import { nextOf, RESOURCE, RESOURCE_ITEMS } from '../walk.ts';

// message Resource { repeated KeyValue attributes = 1; }
const ATTRIBUTES = 1;

/** What of a request belongs together: a request by itself. */
export interface ResourceGroup {
  readonly key: string;
  readonly bytes: Bytes;
}

/** The attributes of the resource at hand; valid until the next resource only. */
export type KeyOfResource = (attributes: AttributeList) => string;

/**
 * Divides a valid request by its resources: those for which `keyOf` answers the same come
 * together, in their order. A request that is one group is the very same array.
 */
export function groupByResource(bytes: Bytes, keyOf: KeyOfResource): ResourceGroup[] {
  const cursor = new FieldCursor().enter(bytes);
  const attributes = new AttributeList();
  const ranges = new Map<string, number[]>();
  while (nextOf(cursor, RESOURCE_ITEMS)) {
    const key = keyOf(attributesOf(bytes, cursor, attributes));
    const own = ranges.get(key);
    if (own === undefined) ranges.set(key, [cursor.tagStart, cursor.end]);
    else if (own.at(-1) === cursor.tagStart) own[own.length - 1] = cursor.end;
    else own.push(cursor.tagStart, cursor.end);
  }
  if (ranges.size === 0) return [{ key: keyOf(empty(attributes)), bytes }];
  return [...ranges].map(([key, own]) => ({
    key,
    bytes: ranges.size === 1 ? bytes : copyOf(bytes, own),
  }));
}

/** The value of a resource's attribute where it is a string. */
export function stringOf(attributes: AttributeList, key: Uint8Array): string | undefined {
  const index = attributes.find(key);
  if (index === -1) return undefined;
  const value = attributes.valueAt(index);
  const cursor = new FieldCursor().enter(value);
  let text: string | undefined;
  // message AnyValue { oneof value { string string_value = 1; … } }
  while (cursor.next()) {
    text =
      cursor.number === 1 ? decoder.decode(value.subarray(cursor.start, cursor.end)) : undefined;
  }
  return text;
}

function attributesOf(
  bytes: Bytes,
  { start, end }: FieldCursor,
  attributes: AttributeList,
): AttributeList {
  attributes.clear(bytes, ATTRIBUTES);
  const cursor = new FieldCursor().enter(bytes, start, end);
  while (nextOf(cursor, RESOURCE)) attributes.read(cursor.start, cursor.end);
  return attributes;
}

function empty(attributes: AttributeList): AttributeList {
  attributes.clear(new Uint8Array(0), ATTRIBUTES);
  return attributes;
}

function copyOf(bytes: Bytes, ranges: readonly number[]): Bytes {
  let length = 0;
  for (let i = 0; i < ranges.length; i += 2) length += ranges[i + 1]! - ranges[i]!;
  const copy = ownBytes(length);
  let at = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    copy.set(bytes.subarray(ranges[i], ranges[i + 1]), at);
    at += ranges[i + 1]! - ranges[i]!;
  }
  return copy;
}

const decoder = new TextDecoder();
