import {
  CompiledPolicy,
  type Access,
  type MemoryRow,
  type PolicyStatement,
} from '../../libs/access/src/policy/index.js';
import { AGENTS, memoryRow, POOLS, statement } from '../../libs/access/src/policy/testing.js';
import { quietMedian, timesOf } from '../measure.js';
import { type Row, type Workload } from '../workload.js';

const STATEMENTS = 30;
const DECISIONS = 20_000;
const ACTIONS = ['READ', 'WRITE', 'REVISE', 'PROPOSE', 'REVIEW'] as const;

/** A decision about one memory in the process. */
export const can: Workload = {
  name: 'can',
  needsDatabase: false,
  run: () => Promise.resolve(rows()),
};

function rows(): Row[] {
  const access = new CompiledPolicy(1, policy(), new Date()).forPrincipal({ id: AGENTS.coder, role: 'coder' }, POOLS);
  const memories = mixOfRows();
  const allowed = memories.filter((row, nth) => access.can(actionOf(nth), row)).length / memories.length;
  // A measurement of decisions that are all alike would be one of the branch predictor.
  if (allowed < 0.2 || allowed > 0.8) throw new Error(`${allowed} of the decisions are yes; that is no mix`);
  const batch = () => decide(access, memories);
  timesOf(30, () => undefined, batch);
  const times = timesOf(60, () => undefined, batch).map((ms) => (ms * 1_000) / DECISIONS);
  return [{ row: `can() under ${STATEMENTS} statements`, value: quietMedian(times), unit: 'µs', limit: 2 }];
}

function decide(access: Access, memories: readonly MemoryRow[]): number {
  let yes = 0;
  for (let nth = 0; nth < DECISIONS; nth++) {
    if (access.can(actionOf(nth), memories[nth % memories.length] as MemoryRow)) yes++;
  }
  return yes;
}

const actionOf = (nth: number) => ACTIONS[nth % ACTIONS.length] as (typeof ACTIONS)[number];

function policy() {
  const pools = POOLS.map(({ key }) => key);
  const nthPool = (nth: number) => [pools[nth % pools.length] as string];
  return Array.from({ length: STATEMENTS }, (_, nth) => {
    const actions = [actionOf(nth), actionOf(nth + 1)];
    const conditions: PolicyStatement['where'][] = [
      null,
      { type: { eq: 'EPISODIC' } },
      { labels: { contains: `topic-${nth}` } },
    ];
    const where = conditions[nth % 3] ?? null;
    if (nth % 5 === 4) {
      return statement({ effect: 'DENY', actions, pools: ['*'], where: { speaker: { eq: `guest-${nth % 9}` } } });
    }
    return statement({ actions, pools: nthPool(nth), where });
  });
}

function mixOfRows(): MemoryRow[] {
  return Array.from({ length: 997 }, (_, nth) =>
    memoryRow({
      pool: POOLS[nth % POOLS.length]?.key,
      type: nth % 2 ? 'EPISODIC' : 'DECLARATIVE',
      speaker: `guest-${nth % 40}`,
      labels: [`topic-${nth % 30}`, `topic-${(nth * 7) % 30}`],
    }),
  );
}
