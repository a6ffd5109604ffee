import { performance } from 'node:perf_hooks';
import type { Clock } from '../../contract/context.ts';

/** How far the fine clock may differ from the wall clock before it follows, in milliseconds. */
const TOLERANCE_MS = 50;

let anchor = performance.timeOrigin;

/**
 * The time of this machine. `now` has the fraction of the monotonic clock and follows steps of
 * the wall clock. Its timers never keep the process alive.
 */
export const systemClock: Clock = {
  now() {
    const fine = anchor + performance.now();
    const error = Date.now() - fine;
    if (error < TOLERANCE_MS && error > -TOLERANCE_MS) return fine;
    anchor += error;
    return fine + error;
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
