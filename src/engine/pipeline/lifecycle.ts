import type { Lifecycle } from '../../contract/component.ts';

/** Something with a life, and what to call it in messages: `exporter otlp_http/eu`. */
export interface Named {
  readonly name: string;
  readonly part: Lifecycle;
}

/**
 * Starts group after group, the parts of one group together. When one cannot start, those that
 * did are stopped again, and the rejection says which it was.
 */
export async function startAll(groups: readonly (readonly Named[])[]): Promise<void> {
  for (const [index, group] of groups.entries()) {
    const results = await Promise.allSettled(group.map((named) => startOne(named)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure === undefined) continue;
    const begun = groups.slice(0, index + 1).toReversed();
    await stopAll(begun, AbortSignal.abort()).catch(() => undefined);
    throw failure.reason;
  }
}

/**
 * Stops group after group, the parts of one group together. All are stopped, whatever one says;
 * the rejection then holds every error.
 */
export async function stopAll(
  groups: readonly (readonly Named[])[],
  deadline: AbortSignal,
): Promise<void> {
  const errors: Error[] = [];
  for (const group of groups) {
    const results = await Promise.allSettled(group.map((named) => stopOne(named, deadline)));
    for (const result of results) if (result.status === 'rejected') errors.push(result.reason);
  }
  if (errors.length === 0) return;
  throw new AggregateError(errors, errors.map((error) => error.message).join('; '));
}

async function startOne({ name, part }: Named): Promise<void> {
  try {
    await part.start?.();
  } catch (error) {
    throw new Error(`cannot start ${name}: ${messageOf(error)}`, { cause: error });
  }
}

async function stopOne({ name, part }: Named, deadline: AbortSignal): Promise<void> {
  try {
    await part.stop?.(deadline);
  } catch (error) {
    throw new Error(`cannot stop ${name} in order: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
