import type { Batch, Signal } from '../../contract/batch.ts';
import type { Gauge, Histogram, Meter } from '../../contract/context.ts';
import type { Queue, QueueObserver } from '../queue/queue.ts';
import type { Books } from './books.ts';
import { Level } from './level.ts';

const SIZE_BOUNDS: readonly number[] = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000,
  20_000, 30_000, 50_000, 100_000,
];

/** What a sending queue shows of itself. */
export class QueueGauges {
  readonly #size: Level;
  readonly #bytes: Level;
  readonly #capacity: Level;
  readonly #blocked: Level;
  readonly #oldest: Gauge;
  readonly #sendSize: Histogram;
  #closed = false;

  /** `exporter` is the id in the configuration. */
  constructor(exporter: string, signal: Signal, meter: Meter) {
    const labels = { exporter, data_type: signal };
    const level = (name: string, help: string) => new Level(meter.gauge(name, help, labels));
    this.#size = level('exporter_queue_size', 'Size of the sending queue, in its unit.');
    this.#bytes = level('exporter_queue_bytes', 'Bytes held by the sending queue.');
    this.#capacity = level('exporter_queue_capacity', 'Room in the sending queue, in its unit.');
    this.#blocked = level('exporter_blocked_callers', 'Callers waiting for room in the queue.');
    const oldest = 'Unix time at which the oldest batch held was received; 0 when there is none.';
    this.#oldest = meter.gauge('exporter_queue_oldest_timestamp_seconds', oldest, labels);
    const sizes = 'Items per request.';
    this.#sendSize = meter.histogram('exporter_queue_batch_send_size', sizes, SIZE_BOUNDS, labels);
  }

  /** So many callers more, or fewer, wait for room. */
  blocked(change: number): void {
    this.#blocked.add(change);
  }

  /** A request is on its way. */
  shipped(batch: Batch): void {
    this.#sendSize.record(batch.items);
  }

  /** Takes over what the queue says of itself. */
  observe(queue: Queue): void {
    if (this.#closed) return;
    this.#size.set(queue.size);
    this.#bytes.set(queue.bytes);
    this.#capacity.set(queue.capacity);
    this.#oldest.set(queue.oldestReceivedAt / 1000);
  }

  /** Takes this queue's share out of the metrics, for good. */
  close(): void {
    this.#closed = true;
    for (const level of [this.#size, this.#bytes, this.#capacity]) level.set(0);
    this.#oldest.set(0);
  }
}

/** What stands at the entrance of a queue and writes down who comes in and who does not. */
export function observerOf(books: Books, gauges: QueueGauges): QueueObserver {
  return {
    entered: (batch) => books.entered(batch),
    refused: (batch) => books.refused(batch),
    blocked: (change) => gauges.blocked(change),
  };
}
