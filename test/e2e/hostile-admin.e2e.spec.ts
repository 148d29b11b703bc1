import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { allMemories, memorize } from '../support/memories.js';
import { activePolicy, allow, deny, type Statement } from '../support/policy.js';

const NUL = 'a\u0000b';
const HALF = 'a\ud800b';
const INJECTION = "x'; drop table memory; --";
const ACTIVATE = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';

let api: TestApi;
let statements: Statement[];
beforeAll(async () => {
  api = await startTestApi();
  ({ statements } = await activePolicy(api.admin));
});
afterAll(() => api.close());

/** How much of everything that an admin makes there is. */
async function inventory(): Promise<unknown> {
  const tables = ['policy', 'role', 'pool', 'principal', 'api_key'];
  const counts = tables.map((table) => `(select count(*) from ${table}) as ${table}`);
  return (
    await api.broker.database.maintenance(`select version, directory_version, ${counts.join(', ')} from policy_head`)
  ).rows;
}

async function expectRefusal(query: string, variables: Record<string, unknown>, field: string): Promise<void> {
  const before = await inventory();
  const { errors } = await api.admin.send(query, variables);
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_INPUT', field });
  expect(await inventory()).toEqual(before);
}

const draft = async (more: unknown[]) => ({
  expectedVersion: (await activePolicy(api.admin)).version,
  statements: [...statements, ...more],
});
const when = (where: unknown): Statement =>
  allow('coder', ['READ'], ['*'], { where: where as Record<string, unknown> });

describe('a draft of the policy is refused for', () => {
  const at = `input.statements.13`;

  it.each<[string, Record<string, unknown>, string]>([
    ['a field that is SQL', when({ [`type" = 'x' or 1=1 --`]: { eq: 'EPISODIC' } }), `where.type" = 'x' or 1=1 --`],
    ['a field of the table that is no condition', when({ content: { eq: 'x' } }), 'where.content'],
    ['a field of every object', when({ toString: { eq: 'x' } }), 'where.toString'],
    ['an operator that is SQL', when({ type: { [`eq' or '1'='1`]: 'EPISODIC' } }), `where.type.eq' or '1'='1`],
    ['an operator of another store', when({ entityId: { $regex: '.*' } }), 'where.entityId.$regex'],
    ['an operator of other fields', when({ type: { gt: 'EPISODIC' } }), 'where.type.gt'],
    ['a value that is SQL where only some are', when({ type: { eq: INJECTION } }), 'where.type.eq'],
    ['a number for text', when({ entityId: { eq: 5 } }), 'where.entityId.eq'],
    ['null for text', when({ entityId: { eq: null } }), 'where.entityId.eq'],
    ['text for a list', when({ entityId: { in: 'alpha' } }), 'where.entityId.in'],
    ['an empty list', when({ entityId: { in: [] } }), 'where.entityId.in'],
    ['an author that is no id', when({ authorId: { eq: INJECTION } }), 'where.authorId.eq'],
    [
      'an author of a role that there is not',
      when({ authorRole: { in: ['coder', INJECTION] } }),
      'where.authorRole.in',
    ],
    ['an importance that there is not', when({ importance: { gte: 'HUGE' } }), 'where.importance.gte'],
    ['a time that is none', when({ createdAt: { lt: 'yesterday' } }), 'where.createdAt.lt'],
    ['30 February', when({ createdAt: { lt: '2026-02-30T00:00:00Z' } }), 'where.createdAt.lt'],
    ['a condition that says nothing', when({}), 'where'],
    ['a field that says nothing', when({ type: {} }), 'where.type'],
    ['a bare value', when({ type: 'EPISODIC' }), 'where.type'],
    ['and, or and not', when({ or: [{ type: { eq: 'EPISODIC' } }] }), 'where.or'],
    ['NUL in a condition', when({ entityId: { eq: NUL } }), 'where.entityId.eq'],
    ['__proto__', when(JSON.parse('{"__proto__": {"eq": 1}}')), 'where.__proto__'],
    ['__proto__ as an operator', when({ type: JSON.parse('{"__proto__": "EPISODIC"}') }), 'where.type.__proto__'],
    ['__proto__ as a value', when({ type: { eq: JSON.parse('{"__proto__": 1}') } }), 'where.type.eq.__proto__'],
    ['a constructor', when({ entityId: { constructor: 'x' } }), 'where.entityId.constructor'],
    [
      'a type of CASL, as an operator',
      when({ type: { __caslSubjectType__: 'all' } }),
      'where.type.__caslSubjectType__',
    ],
    ['a constructor, as a field', when({ constructor: { eq: 'x' } }), 'where.constructor'],
    ['a constructor, as a value', when({ entityId: { eq: { constructor: 'x' } } }), 'where.entityId.eq.constructor'],
    [
      'a type of CASL, as a value',
      when({ entityId: { in: [{ __caslSubjectType__: 'x' }] } }),
      'where.entityId.in.0.__caslSubjectType__',
    ],
    ['__caslSubjectType__', when({ __caslSubjectType__: 'all' }), 'where.__caslSubjectType__'],
    ['a condition that is no object', when([1]), 'where'],
    ['a condition over 16 KB', when({ entityId: { in: ['x'.repeat(17_000)] } }), 'where'],
    ['a role that there is not', allow(INJECTION, ['READ'], ['*']), 'roles.0'],
    ['no role', { ...allow('coder', ['READ'], ['*']), roles: [] }, 'roles'],
    ['a pool that there is not', allow('coder', ['READ'], ['shared', INJECTION]), 'pools.1'],
    ['a kind that there is not', allow('coder', ['READ'], ['kind:ANY']), 'pools.0'],
    ['no pool', allow('coder', ['READ'], []), 'pools'],
    [
      'too many pools',
      allow(
        'coder',
        ['READ'],
        Array.from({ length: 1_001 }, () => 'shared'),
      ),
      'pools',
    ],
    ['an action that there is not', allow('coder', ['MANAGE'], ['*']), 'actions.0'],
    ['no action', allow('coder', [], ['*']), 'actions'],
    ['an effect that there is not', { ...allow('coder', ['READ'], ['*']), effect: 'MAYBE' }, 'effect'],
    ['fields that cannot be hidden', allow('coder', ['READ'], ['*'], { fields: ['content', 'id'] }), 'fields.1'],
    ['no fields', allow('coder', ['READ'], ['*'], { fields: [] }), 'fields'],
    ['fields of what is not read', allow('coder', ['WRITE'], ['*'], { fields: ['content'] }), 'fields'],
    [
      'a condition on ADMINISTER',
      allow('coder', ['ADMINISTER'], ['*'], { where: { type: { eq: 'EPISODIC' } } }),
      'where',
    ],
    ['an id that is taken', allow('coder', ['READ'], ['*'], { id: 'coder-own' }), 'id'],
    ['an id with a control character', allow('coder', ['READ'], ['*'], { id: 'a\nb' }), 'id'],
    ['an expiry that is no time', allow('coder', ['READ'], ['*'], { expiresAt: 'soon' }), 'expiresAt'],
    ['an expiry in the year 0', allow('coder', ['READ'], ['*'], { expiresAt: '0000-01-01T00:00:00Z' }), 'expiresAt'],
    ['a reason that is too long', allow('coder', ['READ'], ['*'], { reason: 'r'.repeat(501) }), 'reason'],
    ['a reason with NUL', allow('coder', ['READ'], ['*'], { reason: NUL }), 'reason'],
    ['a part that there is not', { ...allow('coder', ['READ'], ['*']), priority: 1 }, 'priority'],
  ])('%s', async (_, statement, field) =>
    expectRefusal(ACTIVATE, { input: await draft([statement]) }, `${at}.${field}`),
  );

  it.each<[string, () => Promise<Record<string, unknown>>, string]>([
    ['nobody left to ADMINISTER', async () => ({ ...(await draft([])), statements: [] }), 'input.statements'],
    ['a denial of ADMINISTER', () => draft([deny('*', ['ADMINISTER'], ['*'])]), 'input.statements'],
    [
      'too many statements',
      () => draft(Array.from({ length: 10_000 }, () => allow('coder', ['READ'], ['own']))),
      'input.statements',
    ],
    ['a comment with NUL', async () => ({ ...(await draft([])), comment: NUL }), 'input.comment'],
    ['a comment with half a surrogate pair', async () => ({ ...(await draft([])), comment: HALF }), 'input.comment'],
    ['a comment that is too long', async () => ({ ...(await draft([])), comment: 'c'.repeat(1_001) }), 'input.comment'],
    ['a version that is none', async () => ({ ...(await draft([])), expectedVersion: 1.5 }), 'input.expectedVersion'],
  ])('%s', async (_, input, field) => expectRefusal(ACTIVATE, { input: await input() }, field));

  it('another version than the active one', async () => {
    const before = await inventory();
    const input = { ...(await draft([])), expectedVersion: 77 };
    expect(await api.admin.code(ACTIVATE, { input })).toBe('CONFLICT');
    expect(await inventory()).toEqual(before);
  });
});

describe('a draft that is written as literals is refused alike, for', () => {
  it.each([
    ['__proto__ as a field', '{__proto__: {eq: "x"}}'],
    ['__proto__ as an operator', '{type: {__proto__: "EPISODIC"}}'],
    ['__proto__ as a value', '{type: {eq: {__proto__: 1}}}'],
    ['a constructor as a field', '{constructor: {eq: "x"}}'],
    ['a constructor as an operator', '{entityId: {constructor: "x"}}'],
    ['a type of CASL as a field', '{__caslSubjectType__: "all"}'],
    ['a type of CASL as an operator', '{type: {__caslSubjectType__: "all"}}'],
    ['a type of CASL as a value', '{entityId: {eq: {__caslSubjectType__: "all"}}}'],
  ])('%s', async (_, where) => {
    const before = await inventory();
    const { version } = await activePolicy(api.admin);
    const administers = '{effect: ALLOW, roles: ["admin"], actions: [ADMINISTER], pools: ["*"]}';
    const reads = `{effect: ALLOW, roles: ["coder"], actions: [READ], pools: ["*"], where: ${where}}`;
    const input = `{expectedVersion: ${version}, statements: [${administers}, ${reads}]}`;
    const query = `mutation { activatePolicy(input: ${input}) { policy { version } } }`;
    const { data, errors } = await api.admin.send(query);
    expect([data ?? null, errors?.[0]?.extensions.code]).toEqual([null, 'BAD_INPUT']);
    expect(await inventory()).toEqual(before);
  });
});

describe('text of a draft that looks like SQL', () => {
  it('is kept as it is: the id, the reason and the comment', async () => {
    const added = allow('coder', ['READ'], ['own'], { id: INJECTION, reason: INJECTION });
    await api.admin.ask(ACTIVATE, { input: { ...(await draft([added])), comment: INJECTION } });
    const { policy } = await api.admin.ask<{ policy: { comment: string; statements: Statement[] } }>(
      '{ policy { comment statements { id reason } } }',
    );
    expect([policy.comment, policy.statements.at(-1)]).toEqual([INJECTION, { id: INJECTION, reason: INJECTION }]);
  });
});

describe('a condition with odd values that are sound', () => {
  it('is bound and never read as SQL', async () => {
    const [coder, planner] = [await api.agent('coder'), await api.agent('planner')];
    const odd = [INJECTION, '%', '\\', '"', '$1', '{}', '{"a"}', "{a,b'}", 'null', '😀', ''];
    const ids = await Promise.all(
      odd.map((entityId, index) =>
        memorize(planner, { content: `odd ${index}`, labels: [entityId || 'none'], entityId: entityId || 'none' }),
      ),
    );
    const where = { entityId: { in: odd }, labels: { containsAny: odd } };
    const input = {
      ...(await draft([])),
      statements: [
        ...statements.filter(({ id }) => id !== 'coder-planner'),
        allow('coder', ['READ'], ['planner'], { where }),
      ],
    };
    await api.admin.ask(ACTIVATE, { input });
    const { memories } = await allMemories(coder, { pools: ['planner'] });
    expect(memories.map(({ id }) => id).sort()).toEqual(ids.slice(0, -1).sort());
  });
});

describe('what an admin makes is refused for', () => {
  const AGENT = 'mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { agent { id } } }';
  const ROLE = 'mutation ($input: CreateRoleInput!) { createRole(input: $input) { key } }';
  const POOL = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';
  const ISSUE =
    'mutation ($agentId: ID!, $expiresAt: DateTime) { issueKey(agentId: $agentId, expiresAt: $expiresAt) { secret } }';
  const REVOKE = 'mutation ($id: ID!) { revokeKey(id: $id) { id } }';
  const agentId = '0199aaaa-0000-7000-8000-000000000000';

  it.each<[string, string, Record<string, unknown>, string]>([
    ['an agent without a name', AGENT, { input: { name: ' ', role: 'coder' } }, 'input.name'],
    ['an agent with a long name', AGENT, { input: { name: 'n'.repeat(201), role: 'coder' } }, 'input.name'],
    ['an agent with NUL in its name', AGENT, { input: { name: NUL, role: 'coder' } }, 'input.name'],
    ['an agent with half a surrogate pair in its name', AGENT, { input: { name: HALF, role: 'coder' } }, 'input.name'],
    ['an agent of no role', AGENT, { input: { name: 'x', role: INJECTION } }, 'input.role'],
    ['an agent of a role with NUL', AGENT, { input: { name: 'x', role: NUL } }, 'input.role'],
    ['a role with a space', ROLE, { input: { key: 'a role' } }, 'input.key'],
    ['a role that is SQL', ROLE, { input: { key: INJECTION } }, 'input.key'],
    ['a role that is a word of the policy', ROLE, { input: { key: 'own' } }, 'input.key'],
    ['a role with a long key', ROLE, { input: { key: 'r'.repeat(33) } }, 'input.key'],
    ['a role with NUL in its description', ROLE, { input: { key: 'fine', description: NUL } }, 'input.description'],
    [
      'a role with a long description',
      ROLE,
      { input: { key: 'fine', description: 'd'.repeat(1_001) } },
      'input.description',
    ],
    ['a pool with a bad key', POOL, { input: { key: 'Upper', kind: 'SHARED' } }, 'input.key'],
    ['a pool that poses as private', POOL, { input: { key: `agent:${agentId}`, kind: 'SHARED' } }, 'input.key'],
    ['a pool of kind AGENT', POOL, { input: { key: 'fine', kind: 'AGENT' } }, 'input.kind'],
    [
      'a pool of a role that there is not',
      POOL,
      { input: { key: 'fine', kind: 'ROLE', role: 'nobody' } },
      'input.role',
    ],
    ['a pool of a role with NUL', POOL, { input: { key: 'fine', kind: 'ROLE', role: NUL } }, 'input.role'],
    [
      'a pool with half a surrogate pair in its description',
      POOL,
      { input: { key: 'fine', kind: 'SHARED', description: HALF } },
      'input.description',
    ],
    ['a key for no id', ISSUE, { agentId: 'x' }, 'agentId'],
    ['a key that has expired', ISSUE, { agentId, expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['a key that lasts beyond the calendar', ISSUE, { agentId, expiresAt: '9999-12-31T23:59:59-14:00' }, 'expiresAt'],
    ['the end of no id', REVOKE, { id: INJECTION }, 'id'],
  ])('%s', (_, query, variables, field) => expectRefusal(query, variables, field));

  it('a key of nobody, and the end of no key', async () => {
    const before = await inventory();
    expect(await api.admin.code(ISSUE, { agentId })).toBe('NOT_FOUND');
    expect(await api.admin.code(REVOKE, { id: agentId })).toBe('NOT_FOUND');
    expect(await api.admin.code('{ policy(version: -1) { version } }')).toBe('NOT_FOUND');
    expect(await inventory()).toEqual(before);
  });

  it('a role and a pool that are there already', async () => {
    const before = await inventory();
    expect(await api.admin.code(ROLE, { input: { key: 'coder' } })).toBe('CONFLICT');
    expect(await api.admin.code(POOL, { input: { key: 'shared', kind: 'SHARED' } })).toBe('CONFLICT');
    expect(await inventory()).toEqual(before);
  });

  it('want of the right to administer, for every other role and every operation', async () => {
    const operations: [string, Record<string, unknown>][] = [
      [AGENT, { input: { name: 'x', role: 'admin' } }],
      [ROLE, { input: { key: 'mine' } }],
      [POOL, { input: { key: 'mine', kind: 'SHARED' } }],
      [ISSUE, { agentId }],
      [REVOKE, { id: agentId }],
      [ACTIVATE, { input: await draft([]) }],
      ['{ policy { version } }', {}],
      ['{ policyVersions { version } }', {}],
      ['{ agents { id } }', {}],
    ];
    const callers = await Promise.all(['planner', 'coder', 'reviewer', 'tester'].map((role) => api.agent(role)));
    const before = await inventory();
    for (const caller of callers) {
      for (const [query, variables] of operations) expect(await caller.code(query, variables)).toBe('FORBIDDEN');
    }
    expect(await inventory()).toEqual(before);
  });
});
