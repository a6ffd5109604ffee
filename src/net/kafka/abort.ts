/** What `promise` resolves with, or `given` once `signal` aborts, whichever is first. */
export async function unlessAborted<T, G>(
  promise: Promise<T>,
  signal: AbortSignal,
  given: () => G,
): Promise<T | G> {
  // Whatever becomes of it after the signal is nobody's business any more.
  promise.catch(() => undefined);
  if (signal.aborted) return given();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<G>((resolve) => {
    onAbort = () => resolve(given());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves after `ms`, or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
