import { z } from 'zod';

/** Addresses with labels that all of them have, as a discovery tells them. */
export interface TargetGroup {
  /** Who told it: two groups with the same source replace each other. */
  readonly source: string;
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** One group as `static_configs`, files and HTTP answers write it. */
export const targetGroupSettings = z.strictObject({
  targets: z
    .array(z.union([z.string(), z.number()]).transform(String))
    .nullish()
    .transform((targets) => targets ?? [])
    .describe('Addresses, host:port.'),
  labels: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .nullish()
    .transform((labels) => labels ?? {})
    .superRefine((labels, context) => {
      for (const name of Object.keys(labels)) {
        if (LABEL_NAME.test(name)) continue;
        const message = `${JSON.stringify(name)} cannot be the name of a label`;
        context.addIssue({ code: 'custom', path: [name], message });
      }
    })
    .describe('Labels of all of them.'),
});

/** The groups of a document, with labels that say where they are from. Throws what is wrong. */
export function readTargetGroups(
  document: unknown,
  source: string,
  meta: Readonly<Record<string, string>>,
): readonly TargetGroup[] {
  const parsed = z.array(targetGroupSettings).safeParse(document ?? []);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`it is no list of targets: ${issue?.path.join('.')} ${issue?.message}`);
  }
  return parsed.data.map(({ targets, labels }, at) => ({
    source: `${source}:${at}`,
    targets,
    labels: { ...labels, ...meta },
  }));
}
