/** A scrape that begins so little late has the time it should have had: times compress better. */
const TOLERANCE_MS = 2;

/**
 * The first moment at or after `now` at which a target is scraped: the phase within the interval
 * depends on the target alone, so that targets are spread and a restart changes nothing.
 */
export function nextScrape(now: number, intervalMs: number, phase: number): number {
  const offset = Math.floor(phase * intervalMs);
  return Math.ceil((now - offset) / intervalMs) * intervalMs + offset;
}

/** The time a scrape has, whole milliseconds: the planned one when it began in time. */
export function scrapeTime(planned: number, now: number, intervalMs: number): number {
  const late = now - planned;
  const tolerance = Math.min(TOLERANCE_MS, intervalMs / 100);
  return late >= 0 && late <= tolerance ? planned : Math.floor(now);
}
