import { Field } from '../cost/field.js';
import type { GraphqlClient } from '../cost/graphql-client.js';
import { exactScanOf, type ExactScan } from '../cost/raw.repository.js';
import { base, cpuRows } from '../cost/recall-rows.js';
import { embed, vectorQuestion, vectorText } from '../cost/stub-embedding.js';
import { contend, type Measured } from '../cost/turns.js';
import type { Row, Size, Workload } from '../workload.js';

const FOUND = 10;
const RECALL = 0.99;

interface Plan {
  memories: number;
  questions: number;
  rounds: number;
  turnMs: number;
}

const FULL: Plan = { memories: 200_000, questions: 50, rounds: 5, turnMs: 1_000 };
const QUICK: Plan = { memories: 1_000, questions: 5, rounds: 1, turnMs: 50 };

/** What each pool adds to those before it, and so what a caller of it and of those may read. */
const SHARES = [0.001, 0.01, 0.1, 0.5, 1];

/** Search by meaning alone, for callers who may read from little to all: how fast, and what is missed of the exact answer. */
export const vectorScope: Workload = {
  name: 'vector-scope',
  needsDatabase: true,
  quick: true,
  run: async (serverUrl, { quick }: Size) => {
    const plan = quick ? QUICK : FULL;
    const pools = poolsOf(plan.memories);
    const readers = { tester: pools.map(({ key }) => key) };
    const field = await Field.open(serverUrl, { scopes: pools, readers, brokers: ['vectors'] });
    try {
      const client = field.client('tester', 'vectors');
      const rows: Row[] = [];
      for (const [nth, share] of SHARES.entries()) {
        const reach = pools.slice(0, nth + 1).map(({ key }) => key);
        rows.push(
          ...(await rowsOf({ field, client, pools: reach, scan: await exactScanOf(field.raw, reach), plan }, share)),
        );
      }
      return rows;
    } finally {
      await field.close();
    }
  },
};

function poolsOf(memories: number) {
  let from = 0;
  return SHARES.map((share) => {
    const [start, end] = [from, Math.round(memories * share)];
    from = end;
    const contents = Array.from({ length: end - start }, (_, nth) => vectorText(start + nth));
    return { key: `up-to-${share * 1000}-permille`, contents, topics: [], apart: true };
  });
}

interface Reach {
  field: Field;
  client: GraphqlClient;
  pools: readonly string[];
  scan: ExactScan;
  plan: Plan;
}

async function rowsOf(reach: Reach, share: number): Promise<Row[]> {
  const { field, client, pools, plan } = reach;
  const found = await foundShare(reach);
  const contenders = [
    { name: 'exact scan', call: (nth: number, worker: number) => exactly(reach, nth, worker) },
    {
      name: 'broker',
      call: (nth: number) => client.recall(pools, question(nth, plan)),
      cpu: () => field.cpu('vectors'),
    },
  ];
  const measured = await contend(contenders, { clients: 1, rounds: plan.rounds, turnMs: plan.turnMs });
  const [scan, broker] = measured as [Measured, Measured];
  const count = plan.memories.toLocaleString('en');
  const name = `caller reads ${share * 100} % of ${count}`;
  return [
    { ...base(`${name}, p50: exact scan by SQL alone`, 'ms', scan.p50), p95: scan.p95, recall: 1 },
    { ...base(`${name}, p50: broker`, 'ms', broker.p50), p95: broker.p95, recall: found },
    ...cpuRows(`${name}, processor time a search: broker`, broker.cpu),
    { row: `${name}: recall@10 of the exact answer`, value: found, unit: 'share', limit: null, atLeast: RECALL },
  ];
}

const question = (nth: number, { questions }: Plan) => ({ text: vectorQuestion(nth % questions) });

const exactly = ({ scan, plan }: Reach, nth: number, worker: number): Promise<string[]> =>
  scan(embed(question(nth, plan).text), worker);

async function foundShare(reach: Reach): Promise<number> {
  const { client, pools, plan } = reach;
  let found = 0;
  let wanted = 0;
  for (let nth = 0; nth < plan.questions; nth++) {
    const exact = await exactly(reach, nth, 0);
    if (exact.length === 0) throw new Error('the exact scan found nothing: there are no vectors');
    const told = new Set(await client.recall(pools, question(nth, plan), FOUND));
    found += exact.filter((content) => told.has(content)).length;
    wanted += exact.length;
  }
  return found / wanted;
}
