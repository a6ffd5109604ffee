import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { valueOf } from '../../ends/gateway.ts';

/** The account of one exporter and signal, in items. */
export interface Books {
  readonly accepted: number;
  readonly sent: number;
  readonly dropped: number;
  readonly held: number;
}

const KINDS = { traces: 'spans', logs: 'log_records', metrics: 'metric_points' } as const;

/** Reads the account off a page of self-metrics. */
export function booksOf(page: string, exporter: string, signal: keyof typeof KINDS): Books {
  const labels = { exporter, data_type: signal };
  return {
    accepted: valueOf(page, 'millrace_exporter_accepted_items', labels),
    sent: valueOf(page, `millrace_exporter_sent_${KINDS[signal]}`, { exporter }),
    dropped: valueOf(page, 'millrace_exporter_dropped_items', labels),
    held: valueOf(page, 'millrace_exporter_held_items', labels),
  };
}

/** accepted = sent + dropped + held, to the item. */
export function assertBalanced(books: Books, name: string): void {
  const { accepted, sent, dropped, held } = books;
  assert.equal(accepted, sent + dropped + held, `${name}: ${JSON.stringify(books)}`);
}

/** Every drop must say why. */
export function dropReasons(page: string, exporter: string): { [reason: string]: number } {
  const reasons: { [reason: string]: number } = {};
  for (const line of page.split('\n')) {
    if (!line.startsWith('millrace_exporter_dropped_items{')) continue;
    if (!line.includes(`exporter="${exporter}"`)) continue;
    const reason = /reason="([^"]*)"/.exec(line)?.[1] ?? 'none';
    reasons[reason] = (reasons[reason] ?? 0) + Number(line.split(' ').at(-1));
  }
  return reasons;
}

/** Watches the resident memory of a process; `peak` is in MiB. */
export function watchMemory(pid: number): { peak(): number; stop(): void } {
  let peak = 0;
  const sample = (): void => {
    try {
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
      peak = Math.max(peak, (pages * 4096) / 2 ** 20);
    } catch {
      // The process has gone.
    }
  };
  sample();
  const timer = setInterval(sample, 50);
  return {
    peak: () => peak,
    stop: () => clearInterval(timer),
  };
}
