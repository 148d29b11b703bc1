import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { allMemories, memoriesByIds, memorize, TYPES } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy, type Statement } from '../support/policy.js';
import { gatherTeam, POOLS, type Team } from '../support/team.js';

type Agent = TestClient & { id: string };
interface Change {
  role: string;
  pool: string;
  action: string;
  asOwner: boolean;
  before: boolean;
  after: boolean;
  memoriesGained: number;
  memoriesLost: number;
}

let api: TestApi;
let team: Team;
let defaults: Statement[];
let coder: Agent;

beforeAll(async () => {
  api = await startTestApi();
  team = await gatherTeam(api);
  coder = await api.agent('coder');
  defaults = (await activePolicy(api.admin)).statements;
  const writers = {
    planner: 'planner',
    coder: 'coder',
    reviewer: 'reviewer',
    tester: 'tester',
    annie: 'annie',
    shared: 'planner',
  };
  for (const [pool, author] of Object.entries(writers)) {
    for (const type of TYPES)
      for (const entityId of ['alpha', 'beta', null])
        await memorize(team.members[author]?.client as TestClient, {
          pool: team.keyOf(pool),
          content: `${pool} ${type} ${entityId}`,
          type,
          entityId,
        });
  }
}, 120_000);
afterAll(() => api.close());
beforeEach(async () => {
  await editPolicy(api.admin, () => defaults);
});

const SIMULATE = `query ($input: SimulatePolicyInput!) { simulatePolicy(input: $input) {
  valid problems changes { role pool action asOwner before after memoriesGained memoriesLost } } }`;
interface Simulation {
  valid: boolean;
  problems: string[];
  changes: Change[];
}
const simulate = async (statements: unknown[]): Promise<Simulation> =>
  (await api.admin.ask<{ simulatePolicy: Simulation }>(SIMULATE, { input: { statements } })).simulatePolicy;

const EXPLAIN = `query ($input: ExplainAccessInput!) { explainAccess(input: $input) {
  allowed policyVersion reason decidedBy { id } trace { statement { id } outcome because } } }`;
interface Decision {
  allowed: boolean;
  policyVersion: number;
  reason: string;
  decidedBy: { id: string } | null;
  trace: { statement: { id: string }; outcome: string; because: string }[];
}
const explain = async (input: Record<string, unknown>): Promise<Decision> =>
  (await api.admin.ask<{ explainAccess: Decision }>(EXPLAIN, { input })).explainAccess;
const explainCode = (input: Record<string, unknown>, client: TestClient = api.admin) => client.code(EXPLAIN, { input });

describe('simulatePolicy', () => {
  const READERS = ['planner', 'coder', 'reviewer', 'tester', 'annie', 'ben'];

  /** What each reads, by pool: asked of the API, as they would. */
  async function readings() {
    const found = new Map<string, Set<string>>();
    for (const name of READERS) {
      const { memories } = await allMemories(team.members[name]?.client as TestClient, {}, 100);
      for (const pool of POOLS)
        found.set(
          `${name} ${pool}`,
          new Set(memories.filter((one) => one.pool.key === team.keyOf(pool)).map(({ id }) => id)),
        );
    }
    return found;
  }

  const DRAFTS: [string, (statements: Statement[]) => Statement[]][] = [
    ['an allow more', (all) => [...all, allow('tester', ['READ'], ['planner'])]],
    [
      'an allow with a condition',
      (all) => [
        ...all,
        allow('tester', ['READ'], ['planner'], { where: { type: { in: ['PROCEDURAL', 'EPISODIC'] } } }),
      ],
    ],
    [
      'a deny on an entity, which some memories have not',
      (all) => [...all, deny('*', ['READ'], ['shared'], { where: { entityId: { eq: 'alpha' } } })],
    ],
    ['a deny for all in the coders’ pool', (all) => [...all, deny('*', ['READ'], ['coder'])]],
    ['statements that were taken out', (all) => all.filter(({ id }) => id !== 'coder-planner' && id !== 'tester-own')],
    ['a role that reads every pool, private ones too', (all) => [...all, allow('coder', ['READ'], ['*'])]],
    [
      'owners that read their private pools no longer',
      (all) => all.map((one) => (one.id === 'coder-own' ? { ...one, pools: ['coder'] } : one)),
    ],
  ];

  it.each(DRAFTS)('counts what becomes so once it is activated: %s', async (_, draft) => {
    const statements = draft(defaults);
    const { valid, problems, changes } = await simulate(statements);
    expect({ valid, problems }).toEqual({ valid: true, problems: [] });
    const before = await readings();
    await editPolicy(api.admin, () => statements);
    const after = await readings();
    let changed = 0;
    for (const name of READERS) {
      const role = team.members[name]?.role;
      for (const pool of POOLS) {
        const was = before.get(`${name} ${pool}`) as Set<string>;
        const is = after.get(`${name} ${pool}`) as Set<string>;
        const told = changes.find(
          (one) =>
            one.role === role &&
            one.pool === team.keyOf(pool) &&
            one.action === 'READ' &&
            one.asOwner === (pool === name && pool in { annie: 1, ben: 1 }),
        );
        const gained = [...is].filter((id) => !was.has(id)).length;
        const lost = [...was].filter((id) => !is.has(id)).length;
        expect({ name, pool, gained: told?.memoriesGained ?? 0, lost: told?.memoriesLost ?? 0 }).toEqual({
          name,
          pool,
          gained,
          lost,
        });
        if (gained > 0) expect(told?.after).toBe(true);
        if (lost > 0) expect(told?.before).toBe(true);
        changed += gained + lost;
      }
    }
    expect(changed).toBeGreaterThan(0);
  });

  it('tells every problem of a draft with its place, and changes nothing', async () => {
    const { version } = await activePolicy(api.admin);
    const { valid, problems, changes } = await simulate([
      ...defaults,
      allow('nobody', ['READ'], ['shared']),
      allow('coder', ['READ'], ['shared'], { where: { colour: { eq: 'red' } } }),
      allow('coder', ['READ'], ['no-such-pool']),
    ]);
    expect({ valid, changes }).toEqual({ valid: false, changes: [] });
    const at = defaults.length;
    expect(problems).toHaveLength(3);
    expect(problems[0]).toContain(`input.statements.${at}.roles.0`);
    expect(problems[1]).toContain(`input.statements.${at + 1}.where.colour`);
    expect(problems[2]).toContain(`input.statements.${at + 2}.pools.0`);
    expect((await simulate(defaults.filter(({ id }) => id !== 'admin-organisation'))).problems[0]).toContain(
      'nobody able to ADMINISTER',
    );
    expect((await activePolicy(api.admin)).version).toBe(version);
  });

  it('finds nothing in what is active, and is for those who administer alone', async () => {
    expect(await simulate(defaults)).toEqual({ valid: true, problems: [], changes: [] });
    expect(await coder.code(SIMULATE, { input: { statements: defaults } })).toBe('FORBIDDEN');
  });

  it('is bounded', async () => {
    const many = Array.from({ length: 10_001 }, () => allow('coder', ['READ'], ['shared']));
    expect((await simulate(many)).problems[0]).toContain('at most 10000');
  });
});

describe('explainAccess', () => {
  it('says of a memory what its API says: allowed where it is shown, in whatever state it is', async () => {
    const { rows } = await api.broker.database.maintenance<{ id: string; pool: string }>(
      `select memory_id as id, p.key as pool from memory m join pool p using (org_id, pool_id) where p.kind <> 'AGENT' order by 1 limit 24`,
    );
    const ids = rows.map(({ id }) => id);
    ids.push(await memorize(coder, { pool: 'shared', content: 'a proposal of the coder' }));
    for (const name of ['planner', 'tester', 'reviewer', 'intern', 'annie']) {
      const member = team.members[name] as Team['members'][string];
      const shown = await memoriesByIds(member.client, ids);
      for (const [place, id] of ids.entries()) {
        const { allowed } = await explain({ principalId: member.id, action: 'READ', memoryId: id });
        expect({ name, id, allowed }).toEqual({ name, id, allowed: shown[place] !== null });
      }
    }
    expect((await explain({ principalId: coder.id, action: 'READ', memoryId: ids.at(-1) })).allowed).toBe(true);
  });

  it('names the deciding statement, what each says, and the nearest allow', async () => {
    await editPolicy(api.admin, (all) => [
      ...all,
      allow('tester', ['READ'], ['planner'], { id: 'procedures', where: { type: { eq: 'PROCEDURAL' } } }),
      deny('tester', ['READ'], ['*'], {
        id: 'no-beta',
        where: { entityId: { eq: 'beta' } },
        reason: 'Beta is secret.',
      }),
    ]);
    const { rows } = await api.broker.database.maintenance<{ id: string; content: string }>(
      `select memory_id as id, content from memory where content like 'planner %'`,
    );
    const of = (content: string) => rows.find((row) => row.content === content)?.id;
    const asked = { role: 'tester', action: 'READ' };
    const episodic = await explain({ ...asked, memoryId: of('planner EPISODIC alpha') });
    expect(episodic).toMatchObject({ allowed: false, decidedBy: null });
    expect(episodic.reason).toContain('it would be allowed by statement procedures if type were PROCEDURAL');
    const beta = await explain({ ...asked, memoryId: of('planner PROCEDURAL beta') });
    expect(beta).toMatchObject({ allowed: false, decidedBy: { id: 'no-beta' } });
    expect(beta.reason).toContain('Beta is secret.');
    const unknown = await explain({ ...asked, memoryId: of('planner PROCEDURAL null') });
    const steps = Object.fromEntries(unknown.trace.map(({ statement, outcome }) => [statement.id, outcome]));
    expect(steps).toEqual({
      'tester-own': 'FALSE',
      'tester-shared': 'FALSE',
      'tester-coder': 'FALSE',
      procedures: 'TRUE',
      'no-beta': 'UNKNOWN',
    });
    const alpha = await explain({ ...asked, memoryId: of('planner PROCEDURAL alpha') });
    expect(alpha).toMatchObject({ allowed: true, decidedBy: { id: 'procedures' } });
    expect(alpha.policyVersion).toBe((await activePolicy(api.admin)).version);
  });

  it('tells nothing of a memory that the admin does not see, and none of what it holds', async () => {
    const { rows } = await api.broker.database.maintenance<{ id: string }>(
      `select memory_id as id from memory where content like 'annie %' limit 1`,
    );
    expect(await explainCode({ role: 'coder', action: 'READ', memoryId: rows[0]?.id })).toBe('NOT_FOUND');
    const annie = team.members['annie'];
    const pool = `agent:${annie?.id}`;
    expect((await explain({ principalId: annie?.id, action: 'READ', pool })).allowed).toBe(true);
    expect((await explain({ role: 'coder', action: 'READ', pool })).allowed).toBe(false);
    const secret = await memorize(coder, { content: 'about the entity', entityId: 'zq-hidden-entity' });
    await editPolicy(api.admin, (all) => [
      ...all,
      deny('admin', ['READ'], ['coder'], { fields: ['entityId'] }),
      deny('tester', ['READ'], ['coder'], { where: { entityId: { ne: 'x' } } }),
    ]);
    expect(JSON.stringify(await explain({ role: 'tester', action: 'READ', memoryId: secret }))).not.toContain(
      'zq-hidden',
    );
  });

  it.each([
    ['the entity', 'entityId', { entityId: { eq: 'customer-8' } }, 'entityId is "customer-8"'],
    ['the role of the author', 'author', { authorRole: { eq: 'tester' } }, 'authorRole is "tester"'],
  ])(
    'tells no outcome of a condition on %s that is hidden from the admin, and no wish',
    async (_, field, where, said) => {
      const id = await memorize(coder, { content: `about a customer, without ${field}`, entityId: 'customer-7' });
      await editPolicy(api.admin, (all) => [
        ...all,
        deny('admin', ['READ'], ['coder'], { fields: [field] }),
        allow('planner', ['READ'], ['coder'], { id: 'guess', where }),
      ]);
      const { allowed, reason, trace } = await explain({ role: 'planner', action: 'READ', memoryId: id });
      const step = trace.find(({ statement }) => statement.id === 'guess');
      expect(allowed).toBe(false);
      expect(step).toMatchObject({ outcome: 'UNKNOWN', because: `depends on what is hidden from you: ${said}` });
      expect(reason).not.toMatch(/customer|tester/);
    },
  );

  it.each([
    [{ action: 'READ', pool: 'shared' }, 'BAD_INPUT'],
    [{ action: 'READ', role: 'coder' }, 'BAD_INPUT'],
    [{ action: 'READ', role: 'coder', pool: 'no-such-pool' }, 'BAD_INPUT'],
    [{ action: 'READ', role: 'no-such-role', pool: 'shared' }, 'BAD_INPUT'],
    [{ action: 'READ', principalId: 'x', pool: 'shared' }, 'BAD_INPUT'],
    [{ action: 'READ', principalId: '01890000-0000-7000-8000-000000000000', pool: 'shared' }, 'NOT_FOUND'],
    [{ action: 'READ', role: 'coder', memoryId: '01890000-0000-7000-8000-000000000000' }, 'NOT_FOUND'],
    [{ action: 'READ', role: 'coder', memoryId: '01890000-0000-7000-8000-000000000000', pool: 'shared' }, 'BAD_INPUT'],
  ])('%j is %s', async (input, code) => {
    expect(await explainCode(input)).toBe(code);
  });

  it('is for those who administer alone', async () => {
    expect(await explainCode({ role: 'coder', action: 'READ', pool: 'shared' }, coder)).toBe('FORBIDDEN');
    expect((await explain({ role: 'coder', action: 'ADMINISTER' })).allowed).toBe(false);
    expect((await explain({ role: 'admin', action: 'ADMINISTER' })).allowed).toBe(true);
  });
});
