import { CompiledPolicy, parseStatements, SqlParams, type PoolRef } from '../../libs/access/src/policy/index.js';
import { quietMedian, timesOf } from '../measure.js';
import { OTHER_POOLS, teamPolicy } from '../statements.js';
import { type Row, type Workload } from '../workload.js';

const NO_KEYS = { roles: new Set<string>(), pools: new Set<string>() };
const NOW = new Date();
const AGENT = '00000000-0000-7000-8000-000000000001';
const TIMES = { 1000: 60, 10000: 15 } as const;

/** What a broker does once for each role after an edit: statements to decisions and to the WHERE of a read. */
export const compile: Workload = {
  name: 'compile',
  needsDatabase: false,
  run: () => Promise.resolve(([1000, 10000] as const).flatMap(rowsFor)),
};

function rowsFor(count: keyof typeof TIMES): Row[] {
  const stored = JSON.stringify(teamPolicy(count));
  const parse = () => parseStatements(JSON.parse(stored), NO_KEYS, { lenient: true });
  const raw = () => JSON.parse(stored) as unknown;
  const limit = count === 1000 ? 5 : null;
  const named = count.toLocaleString('en');
  timesOf(TIMES[count], parse, (statements) => grantsOf(statements));
  // Parsed anew each time: what is compiled of a condition is kept with it.
  const compiling = timesOf(TIMES[count], parse, (statements) => grantsOf(statements));
  const both = timesOf(TIMES[count], raw, (list) => grantsOf(parseStatements(list, NO_KEYS, { lenient: true })));
  return [
    { row: `compile ${named} statements for a role`, value: quietMedian(compiling), unit: 'ms', limit },
    { row: `parse and compile ${named} statements`, value: quietMedian(both), unit: 'ms', limit: null },
  ];
}

function grantsOf(statements: ReturnType<typeof parseStatements>): string {
  const access = new CompiledPolicy(1, statements, NOW).forPrincipal({ id: AGENT, role: 'coder' }, pools());
  return access.readFilter('bench').where(new SqlParams(), 'm');
}

/** A new list, for what is compiled is kept by it. */
function pools(): PoolRef[] {
  const pool = (nth: number, key: string, role: string | null = null): PoolRef => ({
    id: `00000000-0000-7000-8000-${String(100 + nth).padStart(12, '0')}`,
    key,
    kind: role ? 'ROLE' : 'SHARED',
    role,
    ownerId: null,
  });
  const others = Array.from({ length: OTHER_POOLS }, (_, nth) => pool(nth, `pool-${nth}`));
  return [...others, pool(900, 'shared'), pool(901, 'coder', 'coder'), pool(902, 'planner', 'planner')];
}
