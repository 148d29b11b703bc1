import { createBenchDatabase } from '../bench-database.repository.js';
import type { Flights } from '../cost/capture.js';
import { Corpus, recallOf, type Question, type Scope } from '../cost/corpus.js';
import { Field, type Kind } from '../cost/field.js';
import { Floor } from '../cost/floor.js';
import { openPeers, type Peers } from '../cost/peers.js';
import { isThere, type Found } from '../cost/peer.js';
import { BY_SQL, rowsOfCaller, SENT, type Seats } from '../cost/recall-rows.js';
import { contend, serve, type Contender } from '../cost/turns.js';
import type { Row, Size, Workload } from '../workload.js';

const MANY = 8;
const KINDS: readonly Kind[] = ['plain', 'vectors'];

interface Plan {
  scopes: number;
  size: number;
  large: number;
  questions: number;
  rounds: number;
  turnMs: number;
  /** Recalls that each broker has answered before. */
  before: number;
}

const FULL: Plan = { scopes: 100, size: 500, large: 3_000, questions: 40, rounds: 7, turnMs: 700, before: 8_000 };
const QUICK: Plan = { scopes: 4, size: 50, large: 150, questions: 5, rounds: 1, turnMs: 60, before: 10 };

interface Caller {
  /** Each reads its own pools and no others of the field. */
  role: string;
  name: string;
  scopes: Scope[];
}

/** What a recall costs over the SQL that it sends, and beside other memory layers; with what each of them finds. */
export const recallCost: Workload = {
  name: 'recall-cost',
  needsDatabase: true,
  quick: true,
  run: async (serverUrl, { quick }: Size) => {
    const plan = quick ? QUICK : FULL;
    const corpus = new Corpus();
    const scopes = Array.from({ length: plan.scopes }, (_, nth) =>
      corpus.scope(`scope-${String(nth).padStart(3, '0')}`, plan.size),
    );
    const large = corpus.scope('scope-large', plan.large);
    const callers: Caller[] = [
      { role: 'tester', name: `a pool of ${plan.size}`, scopes: scopes.slice(0, 1) },
      { role: 'reviewer', name: `a pool of ${plan.large.toLocaleString('en')}`, scopes: [large] },
      { role: 'coder', name: `three pools of ${plan.size}`, scopes: scopes.slice(1, 4) },
    ];
    const readers = Object.fromEntries(callers.map((caller) => [caller.role, keysOf(caller)]));
    const field = await Field.open(serverUrl, { scopes: [...scopes, large], readers, brokers: KINDS });
    const peersDatabase = await createBenchDatabase(serverUrl);
    const peers = await openPeers(peersDatabase.url, MANY, [...scopes, large]);
    const floor = await Floor.start();
    try {
      const rows: Row[] = [];
      const asking = callers.map((caller) => ({ caller, questions: corpus.questions(caller.scopes, plan.questions) }));
      for (const kind of KINDS) await answerBefore(field, kind, asking, plan);
      for (const one of asking) rows.push(...(await measure({ field, peers, floor, plan, ...one })));
      return rows;
    } finally {
      await floor.close();
      await peers.close();
      await peersDatabase.drop();
      await field.close();
    }
  },
};

const keysOf = ({ scopes }: Caller): string[] => scopes.map(({ key }) => key);

interface Asking {
  caller: Caller;
  questions: readonly Question[];
}

interface Measurement extends Asking {
  field: Field;
  peers: Peers;
  floor: Floor;
  plan: Plan;
}

/** All callers in turn, so that none of them comes first to code that is made for it. */
async function answerBefore(field: Field, kind: Kind, asking: readonly Asking[], { before }: Plan): Promise<void> {
  const recalls = asking.map(({ caller, questions }) => {
    const client = field.client(caller.role, kind);
    return (nth: number) => client.recall(keysOf(caller), questions[nth % questions.length] as Question);
  });
  await serve(before, MANY, (nth) => (recalls[nth % recalls.length] as (nth: number) => Promise<unknown>)(nth));
  await field.analyse();
}

async function measure(measurement: Measurement): Promise<Row[]> {
  const { field, peers, floor, caller, questions, plan } = measurement;
  const [there, missing] = [peers.found.filter(isThere), peers.found.filter((found) => !isThere(found))];
  const seats: Seats = {
    contenders: [
      ...(await ofBroker(measurement, 'plain')),
      ...(await ofBroker(measurement, 'vectors')),
      ...floor.contenders(field.client(caller.role, 'plain')),
      ...there.map(({ name, search }) =>
        asking(name, questions, (text, worker) => search(keysOf(caller), text, worker)),
      ),
    ],
    missing: missing.map(({ name, ...rest }: Found) => ({ name, why: 'missing' in rest ? rest.missing : '' })),
  };
  const one = await contend(seats.contenders, { clients: 1, rounds: plan.rounds, turnMs: plan.turnMs });
  const many = await contend(seats.contenders, { clients: MANY, rounds: plan.rounds, turnMs: plan.turnMs });
  return rowsOfCaller({ caller: caller.name, clients: MANY, seats, one, many });
}

/** The broker, and what it sends without the broker. */
async function ofBroker({ field, caller, questions }: Measurement, kind: Kind): Promise<Contender[]> {
  const pools = keysOf(caller);
  const flights = await field.captured(caller.role, kind, { pools, questions });
  const bySql = await field.captured(caller.role, kind, { pools, questions, variables: { RECALL_KEPT_MEMORIES: '0' } });
  const client = field.client(caller.role, kind);
  const named = kind === 'plain' ? '' : ' with embedder';
  return [
    {
      name: `${BY_SQL}${named}`,
      call: (nth, worker) => field.raw.replay(bySql[nth % bySql.length] as Flights, worker),
      cpu: () => field.rawCpu(),
    },
    {
      name: `${SENT}${named}`,
      call: (nth, worker) => field.raw.replay(flights[nth % flights.length] as Flights, worker),
      cpu: () => field.rawCpu(),
    },
    { ...asking(`broker${named}`, questions, (text) => client.recall(pools, { text })), cpu: () => field.cpu(kind) },
  ];
}

/** Asks the questions in turn, and keeps what share of the answers it is given. */
function asking(
  name: string,
  questions: readonly Question[],
  ask: (text: string, worker: number) => Promise<string[]>,
): Contender {
  const recall = { asked: 0, sum: 0 };
  return {
    name,
    call: async (nth, worker) => {
      const question = questions[nth % questions.length] as Question;
      const found = await ask(question.text, worker);
      if (found.length === 0) throw new Error(`${name} found nothing for ${question.text}`);
      recall.sum += recallOf(found, question);
      recall.asked += 1;
    },
    recall: () => recall.sum / recall.asked,
  };
}
