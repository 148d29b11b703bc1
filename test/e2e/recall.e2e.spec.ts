import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';

const EXPLAINED = 'lexical meaning neighbours answer session speaker date cue textRank vectorRank';
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { degraded hits { score memory { content } explanation { ${EXPLAINED} } } } }`;

type Explanation = Record<'lexical' | 'neighbours' | 'answer' | 'session' | 'speaker' | 'date' | 'cue', number> & {
  textRank: number | null;
  vectorRank: number | null;
};
interface Hit {
  score: number;
  memory: { content: string };
  explanation: Explanation;
}

let api: TestApi;
let planner: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
});
afterAll(() => api.close());

async function newPool(key: string): Promise<string> {
  await api.admin.ask('mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }', {
    input: { key, kind: 'SHARED' },
  });
  await addStatement({
    effect: 'ALLOW',
    roles: ['planner'],
    actions: ['READ', 'WRITE', 'REVISE', 'FORGET'],
    pools: [key],
  });
  return key;
}

/** From here on the pool's scores are of words alone. */
async function steady(key: string): Promise<void> {
  await api.admin.ask(
    'mutation ($key: String!, $weights: RecallWeightsInput!) { weighPool(key: $key, weights: $weights) { key } }',
    { key, weights: { importance: 0, recency: 0, usage: 0 } },
  );
}

async function addStatement(statement: Record<string, unknown>): Promise<void> {
  const { policy } = await api.admin.ask<{ policy: { version: number; statements: Record<string, unknown>[] } }>(
    '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }',
  );
  const kept = policy.statements.map((one) =>
    Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null)),
  );
  await api.admin.ask(
    'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }',
    {
      input: { expectedVersion: policy.version, statements: [...kept, statement] },
    },
  );
}

async function store(
  pool: string,
  memories: (string | Record<string, unknown>)[],
  rest: Record<string, unknown> = {},
): Promise<string[]> {
  const inputs = memories.map((memory) => ({
    type: 'EPISODIC',
    pool,
    ...rest,
    ...(typeof memory === 'string' ? { content: memory } : memory),
  }));
  const { memorizeMany } = await planner.ask<{ memorizeMany: { results: { memory: { id: string } }[] } }>(
    'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { memory { id } } failures { message } } }',
    { inputs },
  );
  expect(memorizeMany.results).toHaveLength(inputs.length);
  return memorizeMany.results.map(({ memory }) => memory.id);
}

async function recall(pool: string, query: string, input: Record<string, unknown> = {}): Promise<Hit[]> {
  const answer = await planner.ask<{ recall: { hits: Hit[]; degraded: string[] } }>(RECALL, {
    input: { query, pools: [pool], ...input },
  });
  expect(answer.recall.degraded).toEqual([]);
  return answer.recall.hits;
}

const contents = (hits: Hit[]) => hits.map(({ memory }) => memory.content);
const of = (hits: Hit[], content: string) => hits.find(({ memory }) => memory.content === content)?.explanation;

describe('a recall', () => {
  it('finds the answer that stands beside the question, though it shares no word with it', async () => {
    const pool = await newPool('beside');
    await store(pool, ['Which editor does the team use nowadays?', 'Everybody is on Helix since spring'], {
      sessionId: 'tools',
    });
    await store(pool, ['Everybody came to lunch on that day', 'Nothing of note was said there'], {
      sessionId: 'lunch',
    });
    const hits = await recall(pool, 'which editor does the team use');
    expect(contents(hits).slice(0, 2)).toEqual([
      'Which editor does the team use nowadays?',
      'Everybody is on Helix since spring',
    ]);
    expect(of(hits, 'Everybody is on Helix since spring')).toMatchObject({ lexical: 0, textRank: null });
    // The answer's four terms have 0.8 of a need of context.
    const [question, answer] = hits.map(({ explanation }) => explanation) as [Explanation, Explanation];
    expect(answer.neighbours / question.lexical).toBeCloseTo(0.8 * 0.3 * Math.exp(-0.5), 3);
    expect(answer.answer / question.lexical).toBeCloseTo(0.8 * 0.7, 3);
    expect(of(hits, 'Everybody is on Helix since spring')?.session).toBeGreaterThan(0);
    expect(contents(hits)).not.toContain('Nothing of note was said there');
  });

  it('takes neighbours that the filter leaves out for neighbours, and does not answer them', async () => {
    const pool = await newPool('filtered');
    await store(
      pool,
      [
        { content: 'How long do backups of the ledger stay?', labels: ['asked'] },
        { content: 'Ninety days, says the contract', labels: ['told'] },
      ],
      {
        sessionId: 's',
      },
    );
    const hits = await recall(pool, 'backups of the ledger', { filter: { labels: ['told'] } });
    expect(contents(hits)).toEqual(['Ninety days, says the contract']);
    expect(hits[0]?.explanation.neighbours).toBeGreaterThan(0);
  });

  it('hears who is asked about, and does not take the name for a word', async () => {
    const pool = await newPool('speakers');
    await store(pool, [
      { content: 'Grace: I paint landscapes in oil', speaker: 'Grace Hopper' },
      { content: 'Ada: I paint portraits, Grace', speaker: 'Ada Lovelace' },
    ]);
    const hits = await recall(pool, 'What does Grace paint?');
    expect(contents(hits)[0]).toBe('Grace: I paint landscapes in oil');
    expect(hits[0]?.explanation.speaker).toBeGreaterThan(0);
    expect(hits[1]?.explanation).toMatchObject({ speaker: 0, lexical: hits[0]?.explanation.lexical });
  });

  it('looks at the date that the question names, and at what tells a time where it asks when', async () => {
    const pool = await newPool('dates');
    await store(pool, [
      { content: 'The garden party went well', validFrom: '2023-07-12T10:00:00Z' },
      { content: 'The garden party was rained off', validFrom: '2022-05-12T10:00:00Z' },
      { content: 'The garden party is on the first Saturday of a month', validFrom: '2021-01-01T10:00:00Z' },
    ]);
    const july = await recall(pool, 'garden party in July 2023');
    expect(contents(july)[0]).toBe('The garden party went well');
    expect(july.map(({ explanation }) => explanation.date > 0)).toEqual([true, false, false]);
    const when = await recall(pool, 'When is the garden party?');
    expect(contents(when)[0]).toBe('The garden party is on the first Saturday of a month');
    expect(when[0]?.explanation.cue).toBeGreaterThan(0);
  });

  it('reads around the best in a session that is too long to be read whole', async () => {
    const pool = await newPool('long');
    const turns = Array.from({ length: 520 }, (_, nth) => `Entry number ${nth} of a very long log`);
    turns[500] = 'What is the passphrase of the vault?';
    turns[501] = 'Somebody wrote it on the yellow note below the keyboard';
    for (let from = 0; from < turns.length; from += 100)
      await store(pool, turns.slice(from, from + 100), { sessionId: 'log' });
    const hits = await recall(pool, 'passphrase of the vault');
    expect(contents(hits).slice(0, 2)).toEqual([turns[501], turns[500]]);
    expect(contents(hits).length).toBe(10);
  });

  it('is explained once, however often that is read, and tells what its own parts add up to', async () => {
    const pool = await newPool('explained');
    await store(pool, ['The lathe hums at night', 'Nobody knows why the lathe hums']);
    const caller = await api.broker.credentials.authenticate(planner.key);
    const { hits } = await api.broker.recall.look(caller, { query: 'why does the lathe hum', pools: [pool] });
    expect(hits).toHaveLength(2);
    for (const hit of hits) {
      const { vectorRank, textRank, ...parts } = hit.explanation;
      expect(hit.explanation).toBe(hit.explanation);
      expect([vectorRank, textRank]).toEqual([null, hit.rank]);
      const sum = Object.values(parts).reduce((all, part) => all + part, 0);
      expect(hit.score).toBeCloseTo(sum / (1 + sum), 9);
    }
  });

  it('answers what a memory says now, and nothing of what it said or was', async () => {
    const pool = await newPool('changing');
    const [id] = await store(pool, ['The gateway listens on port eighty']);
    await planner.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
      input: { id, expectedVersion: 1, content: 'The gateway listens on a socket since yesterday' },
    });
    expect(await recall(pool, 'port eighty')).toEqual([]);
    expect((await recall(pool, 'when does the gateway use a socket'))[0]?.explanation.cue).toBeGreaterThan(0);
    await planner.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id });
    expect(await recall(pool, 'gateway socket')).toEqual([]);
  });
});

describe('a pool of more memories than are looked at', () => {
  it('is searched by the rarest words, and every word counts as often as it is there', async () => {
    const pool = await newPool('large');
    const filler = Array.from(
      { length: 4_200 },
      (_, nth) => `Common ${nth % 3 === 0 ? 'plain' : 'usual'} line number ${nth}`,
    );
    for (let from = 0; from < filler.length; from += 100) await store(pool, filler.slice(from, from + 100));
    await store(pool, ['Common plain talk of a heron', 'A heron', 'Common usual talk']);
    const hits = await recall(pool, 'common plain heron', { limit: 3 });
    expect(contents(hits).slice(0, 2)).toEqual(['Common plain talk of a heron', 'A heron']);
    const documents = 4_203;
    const idf = (df: number) => Math.log(1 + (documents - df + 0.5) / (df + 0.5));
    const all = idf(4_202) + idf(1_401) + idf(2);
    expect(of(hits, 'A heron')?.lexical).toBeCloseTo(idf(2) / all, 6);
    expect(of(hits, 'Common plain talk of a heron')?.lexical).toBeCloseTo(1, 6);
    // Found by the rarest term that it holds, though it holds one that looks for none.
    expect(hits[2]?.explanation.lexical).toBeCloseTo((idf(4_202) + idf(1_401)) / all, 6);
    expect(contents(await recall(pool, 'common', { limit: 3 }))).toHaveLength(3);
  });
});

describe('what a caller may not read', () => {
  it('changes neither what it is answered nor any number of it, in whole pools and in conditional ones', async () => {
    const pool = await newPool('part-hidden');
    const session = { sessionId: 'shared-session' };
    await addStatement({
      effect: 'DENY',
      roles: ['planner'],
      actions: ['READ'],
      pools: [pool],
      where: { labels: { contains: 'secret' } },
    });
    await addStatement({ effect: 'ALLOW', roles: ['reviewer'], actions: ['READ', 'WRITE'], pools: [pool] });
    await newPool('elsewhere');
    // Else the first question, counted behind its answer, and the time until the second would show in its scores.
    await steady(pool);
    await steady('elsewhere');
    await store(
      pool,
      ['The rotor of the pump squeaks', 'Grease goes on the rotor', 'The pump is blue', 'Lunch was fine'],
      session,
    );
    const ask = async () => [await recall(pool, 'rotor of the pump'), await recall('elsewhere', 'rotor of the pump')];
    await store('elsewhere', ['The pump house is closed', 'A rotor is in the box'], session);
    const before = await ask();
    expect(before.map((hits) => hits.length)).toEqual([4, 2]);
    const reviewer = await api.agent('reviewer');
    const inputs = Array.from({ length: 40 }, (_, nth) => ({
      content: `The rotor of pump number ${nth} squeaks as well`,
      type: 'EPISODIC',
      pool,
      labels: ['secret'],
      speaker: 'Rotor',
      ...session,
    }));
    await reviewer.ask(
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { message } } }',
      { inputs },
    );
    expect(await ask()).toEqual(before);
  });
});

describe('the count of a pool', () => {
  it('is the number of its ACTIVE memories, whatever happened to them', async () => {
    const pool = await newPool('counted');
    await addStatement({ effect: 'ALLOW', roles: ['tester'], actions: ['READ', 'PROPOSE'], pools: [pool] });
    await addStatement({ effect: 'ALLOW', roles: ['reviewer'], actions: ['READ', 'REVIEW'], pools: [pool] });
    const [tester, reviewer] = [await api.agent('tester'), await api.agent('reviewer')];
    const propose = async (content: string) => {
      const text = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id } } }';
      const { memorize } = await tester.ask<{ memorize: { outcome: string; memory: { id: string } } }>(text, {
        input: { content, type: 'DECLARATIVE', pool },
      });
      expect(memorize.outcome).toBe('PROPOSED');
      return memorize.memory.id;
    };
    const review = (id: string, approve: boolean) =>
      reviewer.ask('mutation ($id: ID!, $approve: Boolean!) { review(id: $id, approve: $approve) { id } }', {
        id,
        approve,
      });
    const [first] = await store(pool, ['one', 'two', 'three', 'one']);
    await planner.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: first });
    await review(await propose('four'), true);
    const rejected = await propose('five');
    await review(rejected, false);
    await propose('six');
    const text = `select memories, (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id and m.status = 'ACTIVE') as active
      from pool p where key = $1`;
    const { rows } = await api.broker.database.maintenance(text, [pool]);
    expect(rows).toEqual([{ memories: 3, active: 3 }]);
  });
});
