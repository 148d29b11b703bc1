import type { Row } from '../workload.js';

export type Judged = Row & { workload: string; ok: boolean | null };

/** @param quick whether nothing is judged: tiny sizes say nothing of the limits */
export function judge(workload: string, row: Row, quick: boolean): Judged {
  if (quick) return { ...row, limit: null, atLeast: undefined, workload, ok: null };
  return { ...row, workload, ok: verdict(row) };
}

function verdict({ value, limit, atLeast }: Row): boolean | null {
  if (Number.isNaN(value)) return null;
  if (atLeast !== undefined) return value >= atLeast;
  return limit === null ? null : value <= limit;
}

interface Column {
  title: string;
  cell: (row: Judged) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'row', cell: ({ row }) => row },
  { title: 'value', cell: (row) => row.missing ?? told(row.value, row.unit) },
  {
    title: 'of the rounds',
    cell: ({ spread, unit }) => (spread ? spread.map((one) => figure(one, unit)).join(' – ') : ''),
  },
  { title: 'p95', cell: ({ p95, unit }) => (p95 === undefined ? '' : told(p95, unit)) },
  { title: 'recall@10', cell: ({ recall }) => (recall === undefined ? '' : recall.toFixed(3)) },
  { title: 'limit', cell: limitOf },
  { title: 'ok', cell: ({ ok }) => (ok === null ? '' : ok ? 'yes' : 'NO') },
];

const ALWAYS = ['row', 'value', 'limit', 'ok'];

/** In Markdown, with the columns that some row has something for. */
export function markdown(rows: readonly Judged[]): string {
  const columns = COLUMNS.filter(({ title, cell }) => ALWAYS.includes(title) || rows.some((row) => cell(row) !== ''));
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const lines = cells.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] as number)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

export const told = (value: number, unit: Row['unit']): string =>
  unit === 'share' ? figure(value, unit) : `${figure(value, unit)} ${unit}`;

function limitOf({ limit, atLeast, unit }: Judged): string {
  if (atLeast !== undefined) return `≥ ${unit === 'share' ? atLeast : `${atLeast} ${unit}`}`;
  return limit === null ? '' : `${limit} ${unit}`;
}

function figure(value: number, unit: Row['unit']): string {
  if (unit === '/s') return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
  if (unit === '×' || unit === 'share') return value.toFixed(3);
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
