import fs from 'node:fs';
import path from 'node:path';
import { accessEntities, type Principal } from '../../libs/access/src/index.js';
import { analyse } from '../../libs/memory/src/recall/analysis.js';
import { Database, readConfig } from '../../libs/platform/src/index.js';
import { openBroker, type Broker } from '../../apps/api/src/broker.js';
import { migrations } from '../../migrations/index.js';
import { countActive, findContents, findSummaries, type ActiveSize } from '../conversations.repository.js';
import { type Row, type Size, type Workload } from '../workload.js';

/** What recall finds of old conversations before and after they are consolidated, in an embedded database of its own. */
export const consolidation: Workload = {
  name: 'consolidation',
  needsDatabase: false,
  run: (_, size) => measure(size),
};

interface Turn {
  id: string;
  conversation: string;
  session: number;
  text: string;
  speaker?: string;
  date?: string;
}

interface Question {
  conversation: string;
  text: string;
  relevant: string[];
}

interface Conversation {
  name: string;
  turns: Turn[];
  questions: Question[];
}

/** Of one pool at one time. */
interface Found extends ActiveSize {
  /** |gold in the first ten| / |gold|, of each question: found is a turn itself, or the summary that it went into. */
  recalls: number[];
  /** The same among the first hits with no more text than ten turns had. */
  recallsAtText: number[];
  /** Of each turn that is sought, the share of its terms that stands in what it went into. */
  kept: number[];
  /** Characters of the first ten hits. */
  texts: number[];
}

const BATCH = 100;
const BEST = 10;
const MISSING: Row = {
  row: 'consolidation of conversations',
  value: NaN,
  unit: 'share',
  limit: null,
  missing: 'needs --corpus, a folder with corpus.jsonl and queries.jsonl',
};

async function measure({ corpus }: Size): Promise<Row[]> {
  if (!corpus) return [MISSING];
  const database = await Database.open({ entities: accessEntities, migrations });
  const config = readConfig({ LOG_LEVEL: 'silent' });
  const onError = (_: string, error: unknown) => {
    throw error;
  };
  const broker = await openBroker({ config, database, onError });
  try {
    return await compare(broker, load(corpus));
  } finally {
    await broker.close();
  }
}

async function compare(broker: Broker, conversations: readonly Conversation[]): Promise<Row[]> {
  const admin = await broker.credentials.authenticate(broker.adminKey as string);
  const before: Found[] = [];
  const after: Found[] = [];
  const undone: Found[] = [];
  let seconds = 0;
  for (const conversation of conversations) {
    const reader = await openPool(broker, admin, conversation.name);
    const ids = await store(broker, reader, conversation);
    const first = await ask(broker, reader, conversation, { ids, text: null });
    before.push(first);
    const text = mean(first.texts);
    const started = performance.now();
    const run = await finished(broker, admin, conversation.name);
    seconds += (performance.now() - started) / 1_000;
    after.push(await ask(broker, reader, conversation, { ids, text }));
    await broker.consolidation.undo(admin, run);
    undone.push(await ask(broker, reader, conversation, { ids, text: null }));
  }
  return report({ before, after, undone, seconds });
}

function report({
  before,
  after,
  undone,
  seconds,
}: Record<'before' | 'after' | 'undone', Found[]> & { seconds: number }): Row[] {
  const all = (found: readonly Found[], of: (one: Found) => number[]) => mean(found.flatMap(of));
  const sum = (found: readonly Found[], of: (one: Found) => number) => found.reduce((total, one) => total + of(one), 0);
  const recall = all(before, ({ recalls }) => recalls);
  const share = (row: string, value: number, rest: Partial<Row> = {}): Row => ({
    row,
    value,
    unit: 'share',
    limit: null,
    ...rest,
  });
  const questions = before.flatMap(({ recalls }) => recalls).length;
  return [
    share(`recall@10 of ${questions} questions before`, recall),
    share(
      'recall@10 after',
      all(after, ({ recalls }) => recalls),
      { atLeast: recall - 0.02 },
    ),
    share(
      'recall after, in as much text as ten hits had before',
      all(after, ({ recallsAtText }) => recallsAtText),
    ),
    share(
      'words of the sought turns that their summaries hold',
      all(after, ({ kept }) => kept),
    ),
    share(
      'recall@10 after it was undone',
      all(undone, ({ recalls }) => recalls),
    ),
    share('ACTIVE memories left', sum(after, ({ active }) => active) / sum(before, ({ active }) => active), {
      limit: 0.4,
    }),
    share(
      'their characters left',
      sum(after, ({ characters }) => characters) / sum(before, ({ characters }) => characters),
    ),
    share('text of ten hits after / before', all(after, ({ texts }) => texts) / all(before, ({ texts }) => texts)),
    {
      row: `consolidating ${sum(before, ({ active }) => active)} memories`,
      value: seconds * 1_000,
      unit: 'ms',
      limit: null,
    },
  ];
}

async function openPool(
  { directory, policies, credentials }: Broker,
  admin: Principal,
  key: string,
): Promise<Principal> {
  await directory.createPool(admin, { key, kind: 'SHARED' });
  const { version, statements } = await policies.policy(admin, null);
  const more = { effect: 'ALLOW', roles: ['planner'], actions: ['READ', 'WRITE'], pools: [key] };
  await policies.activate(admin, { expectedVersion: version, statements: [...statements, more] });
  const { issuedKey } = await directory.registerAgent(admin, { name: key, role: 'planner' });
  return credentials.authenticate(issuedKey.secret);
}

/** @returns the id of the memory of each turn; a repeated text is one memory */
async function store(broker: Broker, reader: Principal, { name, turns }: Conversation): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (let from = 0; from < turns.length; from += BATCH) {
    const some = turns.slice(from, from + BATCH);
    const inputs = some.map(({ text, session, speaker, date }) => ({
      content: text,
      pool: name,
      type: 'EPISODIC' as const,
      sessionId: `${name}#${session}`,
      speaker: speaker ?? null,
      validFrom: date ? new Date(`${date}Z`) : null,
    }));
    const { results, failures } = await broker.memorize.memorizeMany(reader, inputs);
    if (failures.length > 0) throw failures[0]?.error;
    for (const [place, turn] of some.entries()) ids.set(turn.id, results[place]?.memory.id as string);
  }
  return ids;
}

async function ask(
  broker: Broker,
  reader: Principal,
  { name, questions }: Conversation,
  { ids, text }: { ids: ReadonlyMap<string, string>; text: number | null },
): Promise<Found> {
  const found: Found = {
    recalls: [],
    recallsAtText: [],
    texts: [],
    kept: [],
    ...(await countActive(broker.database, name)),
  };
  const wentInto = await findSummaries(broker.database);
  const said = await findContents(broker.database, name);
  for (const { text: query, relevant } of questions) {
    const { hits } = await broker.recall.recall(reader, { query, pools: [name], limit: BEST });
    const gold = new Set(relevant.map((id) => ids.get(id) ?? id));
    for (const id of gold) found.kept.push(...keptOf(said.get(id), said.get(wentInto.get(id) ?? id)));
    const share = (some: typeof hits) => {
      const shown = new Set(some.map(({ memory }) => memory.id));
      return [...gold].filter((id) => shown.has(id) || shown.has(wentInto.get(id) ?? '')).length / gold.size;
    };
    const lengths = hits.map(({ memory }) => memory.content?.length ?? 0);
    found.recalls.push(share(hits));
    found.texts.push(lengths.reduce((a, b) => a + b, 0));
    let room = text ?? Infinity;
    found.recallsAtText.push(share(hits.filter((_, place) => (room -= lengths[place] as number) >= 0)));
  }
  return found;
}

function keptOf(turn: string | undefined, now: string | undefined): number[] {
  const terms = [...new Set(analyse(turn ?? ''))];
  const left = new Set(analyse(now ?? ''));
  return terms.length > 0 ? [terms.filter((term) => left.has(term)).length / terms.length] : [];
}

async function finished({ consolidation: runs }: Broker, admin: Principal, pool: string): Promise<string> {
  let run = await runs.consolidate(admin, { pool });
  for (
    const { id } = run;
    ['QUEUED', 'RUNNING'].includes(run.status);
    await new Promise((done) => setTimeout(done, 100))
  )
    run = (await runs.run(admin, id)) as typeof run;
  if (run.status !== 'SUCCEEDED') throw new Error(`the run is ${run.status}: ${run.error}`);
  return run.id;
}

function load(folder: string): Conversation[] {
  const lines = <Line>(name: string) =>
    fs
      .readFileSync(path.join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const byName = new Map<string, Conversation>();
  for (const turn of lines<Turn>('corpus.jsonl')) {
    const known = byName.get(turn.conversation) ?? { name: turn.conversation, turns: [], questions: [] };
    known.turns.push(turn);
    byName.set(turn.conversation, known);
  }
  for (const question of lines<Question>('queries.jsonl')) byName.get(question.conversation)?.questions.push(question);
  return [...byName.values()];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
