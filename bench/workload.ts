/** One line of the report. */
export interface Row {
  row: string;
  /** NaN where there is nothing to tell; `missing` says why. */
  value: number;
  unit: 'ms' | 'µs' | '×' | '/s' | 'KB' | 'MB' | 'share';
  /** What the value must not exceed; null where it is told and not judged. */
  limit: number | null;
  /** What it must reach. */
  atLeast?: number;
  /** Lowest and highest of the rounds whose median the value is. */
  spread?: [number, number];
  p95?: number;
  /** Share of what an exact search finds that was found, at this speed. */
  recall?: number;
  missing?: string;
}

export interface Size {
  /** Tiny, and not judged: whether the workload still runs, and not how fast. */
  quick: boolean;
  /** A folder of conversations and questions, for workloads about quality. */
  corpus?: string;
}

export interface Workload {
  name: string;
  needsDatabase: boolean;
  /** It has a tiny size. */
  quick?: boolean;
  /** @param databaseUrl a superuser's, on a native server; the workload makes its own database there and drops it */
  run: (databaseUrl: string, size: Size) => Promise<Row[]>;
}
