import type { z } from 'zod';
import type { Findings } from '../mistakes.ts';
import {
  findIn,
  pathText,
  placeIn,
  plainOf,
  valueAt,
  type Plain,
  type Tree,
} from '../source/tree.ts';
import { ignoredIn, jsonSchemaOf, type JsonSchema } from './document.ts';
import { describeIssue, type Issue } from './issues.ts';

/** A section to be checked. */
export interface Section {
  readonly tree: Tree;
  /** Where it stands in the whole: `['exporters', 'otlp_http/eu']`. */
  readonly path: readonly PropertyKey[];
  /** The JSON Schema of the section, when the caller has it already. */
  readonly document?: JsonSchema;
  /** Keys that are known here besides those of the schema, for "did you mean". */
  readonly alsoKnown?: readonly string[];
}

/** What a check made of a section. */
export interface Checked<T> {
  /** Undefined when something is wrong with it. */
  readonly output: T | undefined;
  /** As written, with the text of expansions where a string was wanted. */
  readonly value: Plain;
}

/**
 * Parses a section with its schema; everything wrong with it goes to `findings`. A value out of an expansion gives its text where a string is wanted, and a
 * key with nothing behind it counts as not written where nothing is not allowed.
 */
export function checkSection<T>(
  schema: z.ZodType<T>,
  section: Section,
  findings: Findings,
): Checked<T> {
  const document = section.document ?? jsonSchemaOf(schema);
  const holder: { value: Plain } = { value: plainOf(section.tree) };
  let result = schema.safeParse(holder.value);
  while (!result.success && repair(holder, section.tree, result.error.issues as Issue[])) {
    result = schema.safeParse(holder.value);
  }
  reportIgnored(holder.value, section, document, findings);
  const { value } = holder;
  if (result.success) return { output: result.data, value };
  for (const issue of result.error.issues as Issue[]) report(issue, section, document, findings);
  return { output: undefined, value };
}

function report(issue: Issue, section: Section, document: JsonSchema, findings: Findings): void {
  const value = plainOf(section.tree);
  for (const found of describeIssue(issue, {
    value,
    document,
    alsoKnown: section.alsoKnown ?? [],
  })) {
    const place = placeIn(section.tree, found.path);
    findings.error(place, pathText([...section.path, ...found.path]), found.message);
  }
}

function reportIgnored(
  value: Plain,
  section: Section,
  document: JsonSchema,
  findings: Findings,
): void {
  for (const { path, why } of ignoredIn(value, document)) {
    const place = placeIn(section.tree, path);
    findings.warn(place, pathText([...section.path, ...path]), `has no effect: ${why}`);
  }
}

/** Changes the values that the issues are about, where that may help. Answers whether it did. */
function repair(holder: { value: Plain }, tree: Tree, issues: readonly Issue[]): boolean {
  let repaired = false;
  for (const { path, wantsText } of leaves(issues, [])) {
    const node = findIn(tree, path);
    if (node === undefined) continue;
    const now = valueAt(holder.value, path);
    if (node.text !== undefined && wantsText && typeof now !== 'string') {
      replaceAt(holder, path, node.text);
      repaired = true;
    } else if (now === null && path.length > 0) {
      replaceAt(holder, path, undefined);
      repaired = true;
    }
  }
  return repaired;
}

function leaves(
  issues: readonly Issue[],
  around: readonly PropertyKey[],
): { path: readonly PropertyKey[]; wantsText: boolean }[] {
  return issues.flatMap((issue) => {
    const path = [...around, ...issue.path];
    const wantsText =
      (issue.code === 'invalid_type' && issue.expected === 'string') ||
      issue.code === 'invalid_value';
    return [{ path, wantsText }, ...(issue.errors ?? []).flatMap((branch) => leaves(branch, path))];
  });
}

function replaceAt(holder: { value: Plain }, path: readonly PropertyKey[], value: Plain): void {
  const last = path.at(-1);
  if (last === undefined) {
    holder.value = value;
    return;
  }
  const around = valueAt(holder.value, path.slice(0, -1));
  if (typeof around !== 'object' || around === null) return;
  if (value === undefined && !Array.isArray(around)) delete around[String(last)];
  else if (value !== undefined) (around as Record<PropertyKey, Plain>)[last] = value;
}
