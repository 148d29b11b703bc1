import { Corpus, type Question, type Scope } from '../cost/corpus.js';
import { Field, type Kind } from '../cost/field.js';
import { base } from '../cost/recall-rows.js';
import { vectorQuestion, vectorText } from '../cost/stub-embedding.js';
import { contend } from '../cost/turns.js';
import type { Row, Size, Workload } from '../workload.js';

const LITTLE_MORE = 1.1;
const MORE = 1.4;
const TEN = 10;

interface Plan {
  pools: number;
  size: number;
  /** Of the pool that is searched by meaning alone. */
  vectors: number;
  rounds: number;
  turnMs: number;
  questions: number;
}

const FULL: Plan = { pools: 20, size: 500, vectors: 5_000, rounds: 9, turnMs: 500, questions: 40 };
const QUICK: Plan = { pools: 4, size: 50, vectors: 100, rounds: 1, turnMs: 50, questions: 5 };

const POOL = 'the-pool';
const QUESTIONS_OF_VECTORS = 30;

/** What a recall in one pool costs more when something has grown tenfold; the organisations are measured in turns. */
export const growth: Workload = {
  name: 'growth',
  needsDatabase: true,
  quick: true,
  run: async (serverUrl, { quick }: Size) => {
    const plan = quick ? QUICK : FULL;
    const { pool, questions } = searched(plan);
    const others = (count: number, size: number) => [pool, ...fillers(count, size)];
    const tenPools = { name: '10 × the pools', scopes: others(plan.pools * TEN, plan.size / TEN) };
    const tenOthers = { name: "10 × other pools' memories", scopes: others(plan.pools, plan.size * TEN) };
    const small = { name: 'before', scopes: others(plan.pools, plan.size) };
    const byWords = await compare(serverUrl, plan, {
      kind: 'plain',
      questions,
      organisations: [small, tenPools, tenOthers],
    });
    const before = { name: 'before', scopes: [vectors(plan.vectors), ...fillers(plan.pools, plan.size)] };
    const tenSelf = {
      name: '10 × the pool',
      scopes: [vectors(plan.vectors * TEN), ...fillers(plan.pools, plan.size)],
    };
    const [beforeSelf, afterSelf, inMemory] = await compare(serverUrl, plan, {
      kind: 'stored vectors',
      beside: 'vectors',
      questions: vectorQuestions(),
      organisations: [before, tenSelf],
    });
    const meaning = `search by meaning in a pool of ${plan.vectors.toLocaleString('en')}`;
    return [
      ...rowsOf('recall by words', byWords, LITTLE_MORE),
      ...rowsOf(meaning, [beforeSelf, afterSelf] as Compared[], MORE),
      ...rowsOf(meaning, [inMemory as Compared]),
    ];
  },
};

function searched({ size, questions }: Plan): { pool: Scope; questions: Question[] } {
  const corpus = new Corpus();
  const pool = corpus.scope(POOL, size);
  return { pool, questions: corpus.questions([pool], questions) };
}

function fillers(count: number, size: number): Scope[] {
  const corpus = new Corpus();
  return Array.from({ length: count }, (_, nth) => corpus.scope(`other-${nth}`, size));
}

const vectors = (size: number): Scope => ({
  key: POOL,
  contents: Array.from({ length: size }, (_, nth) => vectorText(nth)),
  topics: [],
});

const vectorQuestions = (): Question[] =>
  Array.from({ length: QUESTIONS_OF_VECTORS }, (_, nth) => ({
    text: vectorQuestion(nth),
    answers: new Set(),
  }));

interface Organisation {
  name: string;
  scopes: Scope[];
}

interface Comparison {
  kind: Kind;
  /** The first organisation's broker of this kind is measured too, as the last. */
  beside?: Kind;
  questions: readonly Question[];
  organisations: readonly Organisation[];
}

interface Compared {
  name: string;
  p50: number[];
  p95: number;
}

async function compare(
  serverUrl: string,
  plan: Plan,
  { kind, beside, questions, organisations }: Comparison,
): Promise<Compared[]> {
  const fields: Field[] = [];
  try {
    for (const [at, { scopes }] of organisations.entries()) {
      const brokers = beside && at === 0 ? [kind, beside] : [kind];
      fields.push(await Field.open(serverUrl, { scopes, readers: { tester: [POOL] }, brokers }));
    }
    const contender = (field: Field, of: Kind, name: string) => {
      const client = field.client('tester', of);
      return { name, call: (nth: number) => client.recall([POOL], questions[nth % questions.length] as Question) };
    };
    const contenders = fields.map((field, at) => contender(field, kind, (organisations[at] as Organisation).name));
    if (beside) contenders.push(contender(fields[0] as Field, beside, 'its vectors kept in memory'));
    const measured = await contend(contenders, { clients: 1, rounds: plan.rounds, turnMs: plan.turnMs });
    return measured.map(({ p50, p95 }, at) => ({ name: (contenders[at] as { name: string }).name, p50, p95 }));
  } finally {
    for (const field of fields) await field.close();
  }
}

function rowsOf(what: string, [before, ...grown]: readonly Compared[], limit?: number): Row[] {
  const { name: first, p50: from, p95: late } = before as Compared;
  return [
    { ...base(`${what}, p50: ${first}`, 'ms', from), p95: late },
    ...grown.flatMap(({ name, p50, p95 }) => [
      { ...base(`${what}, p50: ${name}`, 'ms', p50), p95 },
      {
        ...base(
          `${what}: ${name} / before`,
          '×',
          p50.map((time, round) => time / (from[round] as number)),
        ),
        ...(limit !== undefined && { limit }),
      },
    ]),
  ];
}
