/** One line of the report. */
export interface Row {
  row: string;
  value: number;
  unit: 'ms' | 'µs' | '×' | '/s' | 'KB' | 'MB';
  /** What the value must not exceed; null where it is told and not judged. */
  limit: number | null;
  /** What it must reach. */
  atLeast?: number;
}

export interface Workload {
  name: string;
  needsDatabase: boolean;
  /** @param databaseUrl a superuser's, on a native server; the workload makes its own database there and drops it */
  run: (databaseUrl: string) => Promise<Row[]>;
}
