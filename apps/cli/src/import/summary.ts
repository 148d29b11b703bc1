import { type Counts } from './checkpoint.js';

/** The counts are of the whole import, resumed ones included; seconds and linesPerSecond are of this run. */
export interface ImportSummary extends Counts {
  seconds: number;
  linesPerSecond: number;
  /** Lines that earlier runs had done. */
  resumedAfter: number;
  /** Everything was sent; false after an interrupt. */
  complete: boolean;
  interrupted: boolean;
  dryRun: boolean;
  /** Things worth knowing that are no failures, as a field that no line had. */
  warnings: string[];
}

export function summaryLines(summary: ImportSummary): string[] {
  const { read, created, duplicate, proposed, quarantined, failed } = summary;
  const speed = `${summary.seconds.toFixed(1)} s, ${summary.linesPerSecond} lines/s`;
  const counts = summary.dryRun
    ? `dry run: ${read} read, ${read - failed} would be sent, ${failed} failed; ${speed}`
    : `${read} read: ${created} created, ${duplicate} duplicate, ${proposed} proposed, ${quarantined} quarantined, ${failed} failed; ${speed}`;
  return [counts, ...summary.warnings.map((warning) => `note: ${warning}`)];
}

/** 0 when every line was taken, 1 when some failed, 130 when interrupted, as a shell counts it. */
export function importExitCode(summary: ImportSummary): number {
  if (summary.interrupted) return 130;
  return summary.failed > 0 ? 1 : 0;
}

export function finishedSummary(counts: Counts, run: { seconds: number; read: number }): ImportSummary {
  return {
    ...counts,
    seconds: run.seconds,
    linesPerSecond: run.seconds > 0 ? Math.round(run.read / run.seconds) : 0,
    resumedAfter: 0,
    complete: true,
    interrupted: false,
    dryRun: false,
    warnings: [],
  };
}

export const unseenWarnings = (unseen: Set<string>): string[] =>
  [...unseen].map((field) => `no line has the field ${field}; is it spelt so?`);
