import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memoriesByIds, memorize } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy, type Statement } from '../support/policy.js';
import { promote, PROMOTE, review, REVIEW } from '../support/review.js';

type Agent = TestClient & { id: string };

let api: TestApi;
let defaults: Statement[];
let coder: Agent;
let tester: Agent;
let reviewer: Agent;
let planner: Agent;

beforeAll(async () => {
  api = await startTestApi();
  [coder, tester, reviewer, planner] = (await Promise.all(
    ['coder', 'tester', 'reviewer', 'planner'].map((role) => api.agent(role)),
  )) as [Agent, Agent, Agent, Agent];
  defaults = (await activePolicy(api.admin)).statements;
});
afterAll(() => api.close());
beforeEach(async () => {
  await editPolicy(api.admin, () => defaults);
});

let stored = 0;
const note = (client: TestClient, rest: Record<string, unknown> = {}) =>
  memorize(client, { content: `a lesson of the day, number ${stored++}`, ...rest });
const refusal = async (client: TestClient, id: string, toPool: string) =>
  (await client.send(PROMOTE, { id, toPool })).errors?.[0];
const codeOf = async (client: TestClient, id: string, toPool: string) =>
  (await refusal(client, id, toPool))?.extensions.code ?? 'OK';
const isSeenBy = async (client: TestClient, id: string) => (await memoriesByIds(client, [id]))[0] !== null;
const mayAlso = (...more: Statement[]) => editPolicy(api.admin, (statements) => [...statements, ...more]);

describe('a promotion', () => {
  it('copies the memory as the caller sees it, with where it came from, and leaves the memory as it is', async () => {
    const metadata = { run: 7, ok: true };
    const about = { entityId: 'project-alpha', labels: ['flaky'], metadata, type: 'PROCEDURAL' };
    const id = await note(coder, { content: 'retry the upload twice', ...about });
    const { outcome, memory } = await promote(tester, id, 'tester');
    expect(outcome).toBe('CREATED');
    expect(memory).toMatchObject({ status: 'ACTIVE', content: 'retry the upload twice', ...about });
    expect(memory).toMatchObject({ pool: { key: 'tester' }, author: { id: tester.id }, derivedFrom: [{ id }] });
    expect((await memoriesByIds(coder, [id]))[0]).toMatchObject({
      id,
      pool: { key: 'coder' },
      author: { id: coder.id },
    });
  });

  it('of what the pool has already is a duplicate', async () => {
    const id = await note(coder, { content: 'the cache key holds the locale' });
    const first = await promote(tester, id, 'tester');
    const second = await promote(tester, id, 'tester');
    expect([second.outcome, second.memory.id]).toEqual(['DUPLICATE', first.memory.id]);
  });

  it('copies no field that is hidden from who makes it', async () => {
    await mayAlso(deny('tester', ['READ'], ['coder'], { fields: ['metadata', 'entityId'] }));
    const id = await note(coder, { entityId: 'secret-customer', metadata: { amount: 12 } });
    const { memory } = await promote(tester, id, 'tester');
    expect(memory).toMatchObject({ entityId: null, metadata: null });
    const { rows } = await api.broker.database.maintenance(
      'select entity_id, metadata from memory where memory_id = $1',
      [memory.id],
    );
    expect(rows).toEqual([{ entity_id: null, metadata: null }]);
  });

  it('of a content that is hidden is refused', async () => {
    await mayAlso(deny('tester', ['READ'], ['coder'], { fields: ['content'] }));
    expect(await codeOf(tester, await note(coder), 'tester')).toBe('FORBIDDEN');
  });

  it('needs READ there: what is not seen is not there', async () => {
    const id = await note(planner);
    const missing = await refusal(tester, '01890000-0000-7000-8000-000000000000', 'tester');
    expect(missing?.extensions.code).toBe('NOT_FOUND');
    expect(await refusal(tester, id, 'tester')).toEqual({ ...missing });
  });

  it('needs WRITE or PROPOSE here, and another pool that is there', async () => {
    const id = await note(coder);
    expect(await codeOf(tester, id, 'coder')).toBe('BAD_INPUT');
    expect(await codeOf(coder, await memorize(planner, { pool: 'shared', content: 'a plan' }), 'planner')).toBe(
      'FORBIDDEN',
    );
    for (const pool of ['planner', 'no-such-pool', '']) expect(await codeOf(tester, id, pool)).toBe('BAD_INPUT');
    expect(await codeOf(tester, 'x', 'tester')).toBe('BAD_INPUT');
  });

  it('is only of what is ACTIVE', async () => {
    const proposed = await memorize(coder, { pool: 'shared', content: 'a proposal that waits' });
    expect(await codeOf(coder, proposed, 'coder')).toBe('CONFLICT');
    const forgotten = await note(coder);
    await coder.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: forgotten });
    expect(await codeOf(coder, forgotten, 'shared')).toBe('CONFLICT');
  });
});

describe('a promotion never widens in silence', () => {
  it('into a pool whose readers cannot read the memory it needs REVIEW there', async () => {
    const id = await note(coder);
    await mayAlso(allow('reviewer', ['WRITE'], ['shared']));
    // Planners read the shared pool and not the coders'.
    const refused = await refusal(reviewer, id, 'shared');
    expect(refused).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
    expect(refused?.message).toContain('REVIEW');
    expect(refused?.message).not.toContain('planner');
    await mayAlso(allow('reviewer', ['REVIEW'], ['coder']));
    const { memory } = await promote(reviewer, id, 'shared');
    expect(await isSeenBy(planner, memory.id)).toBe(true);
    expect(await isSeenBy(planner, id)).toBe(false);
  });

  it('not even of what the caller wrote, nor as a proposal', async () => {
    expect(await codeOf(coder, await note(coder), 'shared')).toBe('FORBIDDEN');
  });

  it('nor by one field more', async () => {
    await mayAlso(deny('admin', ['READ'], ['coder'], { fields: ['speaker'] }));
    const id = await note(coder, { speaker: 'Ada' });
    // Admins read both pools, and the speaker in the testers' alone.
    expect(await codeOf(tester, id, 'tester')).toBe('FORBIDDEN');
  });

  it('nor for some memories of the pool', async () => {
    await mayAlso(deny('admin', ['READ'], ['coder'], { where: { labels: { contains: 'private' } } }));
    expect(await codeOf(tester, await note(coder, { labels: ['private'] }), 'tester')).toBe('FORBIDDEN');
    expect(await codeOf(tester, await note(coder, { labels: ['open'] }), 'tester')).toBe('OK');
  });

  it('nor when the copy is revised afterwards', async () => {
    await mayAlso(
      deny('admin', ['READ'], ['coder'], { where: { labels: { contains: 'private' } } }),
      deny('admin', ['READ'], ['tester'], { where: { labels: { contains: 'private' } } }),
    );
    const id = await note(coder, { labels: ['private'] });
    const { memory } = await promote(tester, id, 'tester');
    const revise = 'mutation ($input: ReviseInput!) { revise(input: $input) { id } }';
    const input = { id: memory.id, expectedVersion: 1 };
    expect(await tester.code(revise, { input: { ...input, labels: [] } })).toBe('FORBIDDEN');
    expect(await tester.code(revise, { input: { ...input, labels: ['private', 'more'] } })).toBeUndefined();
  });

  it('into a private pool: whether its owner may read the memory is asked of the owner', async () => {
    const annie = await api.agent('planner', { privatePool: true });
    await mayAlso(allow('tester', ['WRITE'], ['kind:AGENT']), allow('planner', ['READ', 'WRITE'], ['own']));
    const id = await note(coder);
    expect(await codeOf(tester, id, `agent:${annie.id}`)).toBe('FORBIDDEN');
    await mayAlso(allow('planner', ['READ'], ['coder']));
    expect(await codeOf(tester, id, `agent:${annie.id}`)).toBe('OK');
  });
});

it('a proposal is not shown to reviewers who could not read the memory either', async () => {
  await mayAlso(allow('tester', ['PROPOSE'], ['planner']), allow('planner', ['READ'], ['coder']));
  expect(await codeOf(tester, await note(coder), 'planner')).toBe('OK');
  await api.admin.ask('mutation { createRole(input: {key: "auditor"}) { key } }');
  await mayAlso(allow('auditor', ['REVIEW'], ['planner']));
  expect(await codeOf(tester, await note(coder), 'planner')).toBe('FORBIDDEN');
});

describe('a promotion that is a proposal', () => {
  const PROPOSES = () => [allow('tester', ['REVIEW'], ['coder']), allow('tester', ['PROPOSE'], ['shared'])];
  const proposed = async (rest: Record<string, unknown> = {}) => {
    const source = await note(coder, rest);
    const { outcome, memory } = await promote(tester, source, 'shared');
    expect([outcome, memory.status]).toEqual(['PROPOSED', 'PROPOSED']);
    return { source, copy: memory.id };
  };
  const approval = async (client: TestClient, id: string) =>
    (await client.send(REVIEW, { id, approve: true })).errors?.[0]?.extensions.code ?? 'OK';

  it('waits for a reviewer, who need not see where it came from', async () => {
    await mayAlso(...PROPOSES());
    const { copy } = await proposed();
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'reviewer-work'));
    expect((await review(reviewer, copy, true)).status).toBe('ACTIVE');
    expect(await isSeenBy(planner, copy)).toBe(true);
  });

  it('is not approved once its maker may no longer read the memory', async () => {
    await mayAlso(...PROPOSES());
    const { copy } = await proposed();
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'tester-coder'));
    expect(await approval(reviewer, copy)).toBe('FORBIDDEN');
  });

  it('is not approved once it would widen without a reviewer of the memory', async () => {
    await mayAlso(...PROPOSES());
    const { copy } = await proposed();
    await editPolicy(api.admin, (statements) =>
      statements.filter(({ pools, actions }) => !(pools.includes('coder') && actions.includes('REVIEW'))),
    );
    expect(await approval(reviewer, copy)).toBe('FORBIDDEN');
  });

  it('is not approved once the memory was forgotten', async () => {
    await mayAlso(...PROPOSES());
    const { source, copy } = await proposed();
    await coder.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: source });
    expect(await approval(reviewer, copy)).toBe('FORBIDDEN');
    expect((await review(reviewer, copy, false)).status).toBe('REJECTED');
  });

  it('is not decided on by who rewrote the memory before it was promoted, as once it could be', async () => {
    const editor = await api.agent('planner');
    await mayAlso(
      ...PROPOSES(),
      allow('planner', ['READ', 'REVISE'], ['coder']),
      allow('planner', ['REVIEW'], ['shared']),
    );
    const source = await note(coder);
    const revise = 'mutation ($id: ID!) { revise(input: {id: $id, expectedVersion: 1, content: "rewritten"}) { id } }';
    await editor.ask(revise, { id: source });
    const { memory } = await promote(tester, source, 'shared');
    expect(memory.status).toBe('PROPOSED');
    expect(await approval(editor, memory.id)).toBe('FORBIDDEN');
    expect(await approval(reviewer, memory.id)).toBe('OK');
  });

  it('tells its reviewer nothing of the pool that it came from', async () => {
    await mayAlso(...PROPOSES());
    const { copy } = await proposed();
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'tester-coder'));
    const { errors } = await reviewer.send(REVIEW, { id: copy, approve: true });
    expect(errors?.[0]?.message).not.toMatch(/coder|statement/);
  });

  it('is decided on by none whose words it holds, through however many hands it went', async () => {
    await mayAlso(
      ...PROPOSES(),
      allow('coder', ['REVIEW'], ['shared', 'tester']),
      allow('tester', ['REVIEW'], ['tester']),
    );
    const source = await note(coder, { content: 'my own idea, which I think is excellent' });
    const between = await promote(tester, source, 'tester');
    const colleague = await api.agent('tester');
    const { memory: copy } = await promote(colleague, between.memory.id, 'shared');
    expect(copy.status).toBe('PROPOSED');
    expect(await approval(coder, copy.id)).toBe('FORBIDDEN');
    expect(await approval(await api.agent('coder'), copy.id)).toBe('OK');
  });
});

it('a promoted memory has its vector as soon as its source has', async () => {
  const id = await note(coder);
  expect((await promote(tester, id, 'tester')) as { indexed?: boolean }).toMatchObject({ indexed: true });
});
