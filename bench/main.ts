import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { installPeers } from './cost/peer.js';
import { svg } from './report/plot.js';
import { judge, markdown, type Judged } from './report/table.js';
import type { Workload } from './workload.js';
import { answers } from './workloads/answers.js';
import { can } from './workloads/can.js';
import { compile } from './workloads/compile.js';
import { consolidation } from './workloads/consolidation.js';
import { feedDeliveries } from './workloads/feed-deliveries.js';
import { feedLatency } from './workloads/feed-latency.js';
import { feedMemory } from './workloads/feed-memory.js';
import { feedRevoke } from './workloads/feed-revoke.js';
import { feedStalled } from './workloads/feed-stalled.js';
import { growth } from './workloads/growth.js';
import { mcpRemember } from './workloads/mcp-remember.js';
import { recallCost } from './workloads/recall-cost.js';
import { recallOverhead } from './workloads/recall-overhead.js';
import { recallStatements } from './workloads/recall-statements.js';
import { vectorScope } from './workloads/vector-scope.js';
import { writeCost } from './workloads/write-cost.js';

const WORKLOADS: readonly Workload[] = [
  compile,
  can,
  answers,
  consolidation,
  recallOverhead,
  recallStatements,
  recallCost,
  mcpRemember,
  writeCost,
  growth,
  vectorScope,
  feedDeliveries,
  feedLatency,
  feedMemory,
  feedRevoke,
  feedStalled,
];

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'string' },
    plot: { type: 'string' },
    corpus: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const { quick } = values;
const chosen = choose(positionals);
const databaseUrl = process.env['BENCH_DATABASE_URL'];
// One of the peers tells its makers of every call unless it is told not to.
process.env['MEM0_TELEMETRY'] = 'false';
if (values.peers) installPeers();
const judged: Judged[] = [];
for (const workload of chosen) {
  if (workload.needsDatabase && !databaseUrl) {
    console.error(`${workload.name} is left out: it needs BENCH_DATABASE_URL, a superuser's on a native Postgres`);
    continue;
  }
  console.error(`${workload.name} …`);
  const rows = await workload.run(databaseUrl ?? '', { quick, corpus: values.corpus });
  judged.push(...rows.map((row) => judge(workload.name, row, quick)));
}
console.log(markdown(judged));
if (values.json)
  save(values.json, `${JSON.stringify({ at: now(), machine: machine(), quick, rows: judged }, null, 2)}\n`);
if (values.plot) save(values.plot, svg(judged, `${now()}, ${Object.values(machine()).join(', ')}`));
// Where everything was left out, nothing was shown.
process.exitCode = judged.length === 0 || judged.some(({ ok }) => ok === false) ? 1 : 0;

function choose(names: readonly string[]): readonly Workload[] {
  const unknown = names.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
  if (unknown.length > 0) {
    console.error(`no workload ${unknown.join(', ')}; there are ${WORKLOADS.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  const named = names.length === 0 ? WORKLOADS : WORKLOADS.filter(({ name }) => names.includes(name));
  return quick ? named.filter((workload) => workload.quick) : named;
}

function now(): string {
  return new Date().toISOString();
}

function machine() {
  return {
    node: `Node.js ${process.version}`,
    cpu: `${os.availableParallelism()} × ${os.cpus()[0]?.model ?? 'unknown'}`,
  };
}

function save(file: string, content: string): void {
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  fs.writeFileSync(file, content);
}
