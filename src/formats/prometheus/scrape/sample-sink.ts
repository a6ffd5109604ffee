import type { SampleTail } from './text/sample-tail.ts';

/** Takes the samples of a page. */
export interface SampleSink {
  /** A sample at the time of the scrape. */
  sample(series: number, value: number): void;
  /** A sample whose line says a time or an exemplar. */
  sampleWithTail(series: number, value: number, tail: SampleTail): void;
}
