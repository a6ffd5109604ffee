/**
 * What may be the name of a label: `legacy` is `[a-zA-Z_][a-zA-Z0-9_]*`, `utf8` is any text of at
 * least one character.
 */
export type Naming = 'legacy' | 'utf8';

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LEGACY_TEMPLATE = /^(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))(?:\w|\$\{\w+\}|\$)*$/;
const BARE_DOLLAR = /\$(?!\{\w+\}|\w)/;

/** Whether `name` may be the name of a label. */
export function isLabelName(name: string, naming: Naming): boolean {
  if (naming === 'legacy') return LEGACY_NAME.test(name);
  return name.length > 0 && name.isWellFormed();
}

/** Whether a text with references such as `$1` or `${name}` may become the name of a label. */
export function isLabelTemplate(template: string, naming: Naming): boolean {
  if (naming === 'utf8') return isLabelName(template, naming);
  return LEGACY_TEMPLATE.test(template) && !BARE_DOLLAR.test(template);
}

/** The name of a label as text and as the bytes it has on the wire. */
export class LabelName {
  readonly text: string;
  readonly bytes: Uint8Array;

  constructor(text: string) {
    this.text = text;
    this.bytes = encoder.encode(text);
  }
}

const encoder = new TextEncoder();

/** The label that holds the name of a metric. */
export const METRIC_NAME: LabelName = new LabelName('__name__');
