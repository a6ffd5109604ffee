import type { Signal } from '../../../contract/batch.ts';
import type { Route } from './group.ts';
import type { Source } from './settings.ts';

/** Topics to read, and what their records are. */
export type Routes = ReadonlyMap<string, Route>;

/** Sources of the signals that a pipeline takes. */
export function sourcesInUse(
  sources: readonly Source[],
  signals: readonly Signal[],
): readonly Source[] {
  return sources.filter(({ signal }) => signals.includes(signal));
}

/** Whether topics have to be asked for, because a source names them by an expression. */
export function hasExpressions(sources: readonly Source[]): boolean {
  return sources.some(({ topics }) => topics.some(isExpression));
}

/**
 * The topics of all sources; `existing` are those there are, for expressions. A topic that two
 * signals claim belongs to the first.
 */
export function routesOf(sources: readonly Source[], existing: readonly string[]): Routes {
  const routes = new Map<string, Route>();
  for (const { signal, encoding, topics, excludeTopics } of sources) {
    const excluded = excludeTopics.map((pattern) => new RegExp(pattern));
    const named = topics.flatMap((topic) =>
      isExpression(topic) ? existing.filter((name) => new RegExp(topic).test(name)) : [topic],
    );
    for (const topic of named) {
      if (routes.has(topic) || excluded.some((pattern) => pattern.test(topic))) continue;
      routes.set(topic, { signal, encoding });
    }
  }
  return routes;
}

/** Whether both have the same topics. */
export function sameTopics(one: Routes, other: Routes): boolean {
  return one.size === other.size && [...one.keys()].every((topic) => other.has(topic));
}

function isExpression(topic: string): boolean {
  return topic.startsWith('^');
}
