import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Row, type Workload } from './workload.js';
import { answers } from './workloads/answers.js';
import { can } from './workloads/can.js';
import { compile } from './workloads/compile.js';
import { feedDeliveries } from './workloads/feed-deliveries.js';
import { feedLatency } from './workloads/feed-latency.js';
import { feedMemory } from './workloads/feed-memory.js';
import { feedRevoke } from './workloads/feed-revoke.js';
import { feedStalled } from './workloads/feed-stalled.js';
import { recallOverhead } from './workloads/recall-overhead.js';
import { recallStatements } from './workloads/recall-statements.js';

const WORKLOADS: readonly Workload[] = [
  compile,
  can,
  answers,
  recallOverhead,
  recallStatements,
  feedDeliveries,
  feedLatency,
  feedMemory,
  feedRevoke,
  feedStalled,
];

const { values, positionals } = parseArgs({ options: { json: { type: 'string' } }, allowPositionals: true });
const chosen = choose(positionals);
const databaseUrl = process.env['BENCH_DATABASE_URL'];
const rows: Row[] = [];
for (const workload of chosen) {
  if (workload.needsDatabase && !databaseUrl) {
    console.error(`${workload.name} is left out: it needs BENCH_DATABASE_URL, a superuser's on a native Postgres`);
    continue;
  }
  console.error(`${workload.name} …`);
  rows.push(...(await workload.run(databaseUrl ?? '')));
}
const judged = rows.map((row) => ({ ...row, ok: verdict(row) }));
print(judged);
if (values.json) save(values.json);
process.exitCode = judged.some(({ ok }) => ok === false) ? 1 : 0;

function verdict({ value, limit, atLeast }: Row): boolean | null {
  if (atLeast !== undefined) return value >= atLeast;
  return limit === null ? null : value <= limit;
}

function choose(names: readonly string[]): readonly Workload[] {
  const unknown = names.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
  if (unknown.length > 0) {
    console.error(`no workload ${unknown.join(', ')}; there are ${WORKLOADS.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  return names.length === 0 ? WORKLOADS : WORKLOADS.filter(({ name }) => names.includes(name));
}

type Judged = Row & { ok: boolean | null };

function print(table: readonly Judged[]): void {
  const cells = table.map(({ row, value, unit, limit, atLeast, ok }) => [
    row,
    `${told(value, unit)} ${unit}`,
    atLeast !== undefined ? `≥ ${atLeast} ${unit}` : limit === null ? '' : `${limit} ${unit}`,
    ok === null ? '' : ok ? 'yes' : 'NO',
  ]);
  const all = [['row', 'value', 'limit', 'ok'], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((line) => (line[column] as string).length)));
  for (const line of all) {
    console.log(`| ${line.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`);
    if (line === all[0]) console.log(`| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  }
}

function told(value: number, unit: Row['unit']): string {
  if (unit === '/s') return String(Math.round(value));
  return unit === '×' ? value.toFixed(3) : value.toPrecision(3);
}

function save(file: string): void {
  const machine = { node: process.version, cpus: os.availableParallelism(), cpu: os.cpus()[0]?.model };
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), machine, rows: judged }, null, 2)}\n`);
}
