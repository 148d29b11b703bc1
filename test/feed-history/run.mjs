// Lets writers, subscribers and what kills loose on two brokers and one Postgres, and checks the history of it:
//   node test/feed-history/run.mjs [--minutes N] [--deliveries N] [--subscribers 200] [--writers 8] [--rate N] [--seed S]
//     [--no-postgres-kill] [--no-replica-kill] [--keep FILE]
// It builds nothing (`npm run build` before it), and starts a Postgres of its own.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkFile } from './check-file.mjs';
import { History } from './history.mjs';
import { Load } from './load.mjs';
import { Postgres } from './postgres.mjs';
import { report } from './report.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    deliveries: { type: 'string', default: '0' },
    subscribers: { type: 'string', default: '200' },
    writers: { type: 'string', default: '8' },
    rate: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'replica-kill-seconds': { type: 'string', default: '15' },
    'postgres-kill-seconds': { type: 'string', default: '45' },
    'edit-seconds': { type: 'string', default: '1' },
    'no-postgres-kill': { type: 'boolean', default: false },
    'no-replica-kill': { type: 'boolean', default: false },
    keep: { type: 'string' },
  },
});
const options = {
  seed: Number(values.seed),
  subscribers: Number(values.subscribers),
  writers: Number(values.writers),
  minutes: Number(values.minutes),
  deliveries: Number(values.deliveries),
  rate: Number(values.rate),
  replicaKillMs: values['no-replica-kill'] ? 0 : Number(values['replica-kill-seconds']) * 1_000,
  postgresKillMs: values['no-postgres-kill'] ? 0 : Number(values['postgres-kill-seconds']) * 1_000,
  editMs: Number(values['edit-seconds']) * 1_000,
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-history-'));
// The server runs as another user, and has a folder of its own in here.
fs.chmodSync(folder, 0o711);
const history = new History(values.keep ?? path.join(folder, 'history.jsonl'));
const postgres = new Postgres(path.join(folder, 'postgres'));
/** @type {Load | undefined} */
let load;
let ended = false;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => void end().then(() => process.exit(130)));
}
try {
  console.log(`seed ${options.seed}: ${options.subscribers} subscribers, ${options.writers} writers; ${history.file}`);
  history.tell('options', options);
  await postgres.start();
  load = new Load(options, history, postgres, folder);
  await load.prepare();
  await load.run(tellProgress);
  tellProgress();
  history.close();
  await load.stop();
  const verdict = await checkFile(history.file);
  const collapses = load.replicas.reduce((sum, replica) => sum + replica.collapses, 0);
  if (collapses > 0) verdict.violation('collapse', `${collapses} brokers ended without having been killed`);
  report(verdict);
  if (verdict.violations.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await end();
}

function tellProgress() {
  if (!load) return;
  const { counts, delivered, subscribers } = load;
  const seconds = Math.round(history.now() / 1_000);
  /** @type {Record<string, number>} */
  const ends = {};
  for (const { ends: own } of subscribers) for (const [code, n] of own) ends[code] = (ends[code] ?? 0) + n;
  const kills = `${counts.replicaKills} kills of replicas, ${counts.postgresKills} of Postgres`;
  console.log(
    `${seconds} s: ${delivered} deliveries, ${counts.writes} writes, ${counts.edits} edits, ${kills}; ends ${JSON.stringify(ends)}`,
  );
}

async function end() {
  if (ended) return;
  ended = true;
  await load?.stop();
  postgres.stop();
  const isWanted = process.exitCode === 1;
  if (isWanted) console.log(`kept: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
