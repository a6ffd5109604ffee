/**
 * kafkajs 2.2.4 arms a timer after every answer of a broker, for a moment that lies in the past
 * when nothing is throttled: since Node 24 that is a warning and a timer of 1 ms, for as long as
 * the connection lives (https://github.com/tulios/kafkajs/issues/1751). A timer is needed only
 * while requests wait, which is what this makes of it.
 */
import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

const WHERE = 'kafkajs/src/network/requestQueue';
let mended = false;

/** Mends the queue of requests, once in a thread. */
export function mendRequestQueue(): void {
  if (mended) return;
  mended = true;
  const { prototype } = createRequire(import.meta.url)(WHERE) as { prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleWhenWaiting() {
    if (this.pending.length > 0) schedule.call(this);
  };
}
