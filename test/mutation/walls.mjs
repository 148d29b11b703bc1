// Takes down one wall at a time, in a copy of the project, and sees that a test notices:
//   node test/mutation/walls.mjs [--list] [--only PATTERN] [--jobs N] [--minutes N]
// On native Postgres where TEST_DATABASE_URL is set, which is twice as fast, else on the embedded database.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeBase } from './base-database.mjs';
import { EQUIVALENT } from './equivalent.mjs';
import { copyProject, filesOf, mutate } from './project-copy.mjs';
import { running, runSuites, stop } from './run-suites.mjs';
import { mayHoldStatements, sourceMutants } from './source-mutants.mjs';

/** @typedef {import('./source-mutants.mjs').SourceMutant | import('./catalogue-mutants.mjs').CatalogueMutant} Mutant */
/** @typedef {{ mutant: Mutant, outcome: string, by: string }} Finding */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TIMEOUT_MS = 180_000;
/** The likeliest first: the next are run where those before saw nothing. */
const SUITES = {
  table: [['test/catalogue']],
  policy: [['test/walls/row-policies'], ['test/row-security', 'test/catalogue']],
  function: [
    ['test/walls/definer-functions', 'test/walls/fence'],
    ['test/row-security', 'test/catalogue'],
  ],
  source: [
    ['test/walls/where-alone'],
    ['libs/access/src/policy'],
    [
      'test/e2e/access-oracle',
      'test/e2e/hidden-fields',
      'test/e2e/keys',
      'test/e2e/rehearsal',
      'libs/feed/src/retention',
    ],
  ],
};

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '45' },
  },
});
const started = Date.now();
const deadline = started + Number(options.minutes) * 60_000;
const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
let stopped = false;

const { folder, copies } = copyProject(ROOT, options.list ? 1 : Number(options.jobs));
/** @type {import('./base-database.mjs').Base | undefined} */
let base;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    stopped = true;
    for (const child of running) stop(child);
  });
}
try {
  base = await makeBase(copies[0].root, folder, process.env.TEST_DATABASE_URL);
  const mutants = [...inSources(), ...base.mutants].filter(({ id }) => new RegExp(options.only).test(id));
  if (options.list) console.log([...mutants.map(({ id }) => id), `${mutants.length} mutants`].join('\n'));
  else process.exitCode = (await assertUnmutatedPasses(mutants)) ? report(await runAll(mutants)) : 1;
} finally {
  for (const child of running) stop(child);
  await base?.drop();
  // A run that was just stopped may still be writing.
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

function inSources() {
  return filesOf(ROOT)
    .filter(mayHoldStatements)
    .flatMap((file) => sourceMutants(file, fs.readFileSync(path.join(ROOT, file), 'utf8')));
}

/** In every copy, which also fills the cache of compiled sources. @param {Mutant[]} mutants */
async function assertUnmutatedPasses(mutants) {
  const suites = [...new Set(mutants.flatMap(({ kind }) => SUITES[kind].flat()))];
  const verdicts = await Promise.all(
    copies.map((copy) => runSuites(copy, suites, { env: envOf(), timeoutMs: 5 * TIMEOUT_MS })),
  );
  const failing = verdicts.find(({ outcome }) => outcome !== 'passed');
  if (failing) console.log(`Without any mutant the tests fail: ${failing.by}`);
  else console.log(`${mutants.length} mutants; without any of them the tests pass (${seconds()})`);
  return !failing;
}

/** @param {Mutant[]} mutants @returns {Promise<Finding[]>} */
async function runAll(mutants) {
  /** @type {Finding[]} */
  const findings = [];
  const waiting = [...mutants];
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = waiting.shift(); mutant && !stopped && Date.now() < deadline; mutant = waiting.shift()) {
        const finding = { mutant, ...(await judge(copy, mutant)) };
        if (stopped) return;
        findings.push(finding);
        console.log(`${findings.length} of ${mutants.length}, ${seconds()}: ${tell(finding)}`);
      }
    }),
  );
  const untried = mutants.filter((mutant) => !findings.some((finding) => finding.mutant === mutant));
  return [...findings, ...untried.map((mutant) => ({ mutant, outcome: 'NOT TRIED', by: '' }))];
}

/** @param {import('./project-copy.mjs').Copy} copy @param {Mutant} mutant @returns {Promise<{ outcome: string, by: string }>} */
async function judge(copy, mutant) {
  const restore = mutant.kind === 'source' ? mutate(copy, mutant) : () => undefined;
  const env = envOf(mutant.kind === 'source' ? undefined : mutant.sql);
  try {
    for (const suites of SUITES[mutant.kind]) {
      const { outcome, by } = await runSuites(copy, suites, { env, timeoutMs: TIMEOUT_MS });
      if (outcome === 'killed') return { outcome: 'KILLED', by };
      if (outcome !== 'passed') return { outcome: outcome.toUpperCase(), by };
    }
  } finally {
    restore();
  }
  const known = EQUIVALENT.find(({ id }) => id.test(mutant.id));
  return known ? { outcome: 'EQUIVALENT', by: known.because } : { outcome: 'SURVIVED', by: '' };
}

/** @param {string} [sql] @returns {Record<string, string | undefined>} */
function envOf(sql) {
  return { TEST_DATABASE_URL: process.env.TEST_DATABASE_URL, MUTATION_SQL: sql, ...base?.env };
}

/** @param {Finding} finding */
function tell({ mutant, outcome, by }) {
  return `${outcome} ${mutant.id}${by && `\n    ${by}`}`;
}

/** @param {Finding[]} findings @returns {number} the exit code */
function report(findings) {
  const bad = findings.filter(({ outcome }) => !['KILLED', 'EQUIVALENT'].includes(outcome));
  for (const outcome of ['EQUIVALENT', 'UNREADABLE', 'LATE', 'NOT TRIED', 'SURVIVED'])
    for (const finding of findings.filter((one) => one.outcome === outcome)) console.log(tell(finding));
  const count = (/** @type {string} */ outcome) => findings.filter((one) => one.outcome === outcome).length;
  console.log(
    `${findings.length} mutants: ${count('KILLED')} killed, ${count('EQUIVALENT')} equivalent, ${count('SURVIVED')} survived, ${count('UNREADABLE') + count('LATE')} unclear, ${count('NOT TRIED')} not tried; ${seconds()}`,
  );
  return bad.length > 0 || stopped ? 1 : 0;
}
