import { describe, expect, it } from '@jest/globals';
import { defaultPolicy } from '../default-policy.js';
import { parsePolicyCases } from './policy-cases.js';

type Raw = Record<string, unknown>;

const ADA = '00000000-0000-7000-8000-000000000001';
const raw = (changes: Raw = {}): Raw => ({
  policy: 'default',
  principals: { ada: { role: 'coder' } },
  memories: { plan: { pool: 'planner' } },
  cases: [{ principal: 'ada', memory: 'plan', allow: ['READ'] }],
  ...changes,
});
const withCase = (changes: Raw): Raw => raw({ cases: [{ principal: 'ada', memory: 'plan', allow: [], ...changes }] });
const withMemory = (memory: unknown): Raw => raw({ memories: { plan: memory } });
const withPrincipal = (principal: unknown): Raw => raw({ principals: { ada: principal } });
const noFile = (file: string): never => {
  throw new Error(`no file was expected, and ${file} was read`);
};
const parse = (document: unknown) => parsePolicyCases(document, noFile);

const STATEMENT = { effect: 'ALLOW', roles: ['coder'], actions: ['READ'], pools: ['planner'] };
/** As GraphQL answers it: what is not there is null. */
const ANSWERED = { id: 's1', ...STATEMENT, where: null, fields: null, expiresAt: null, reason: null };

describe('a document of cases', () => {
  it('becomes an organisation with the built-in roles and pools, and what it adds', () => {
    const { cast, memories, statements, cases } = parse(
      raw({
        roles: ['intern'],
        pools: [
          { key: 'releases', kind: 'SHARED' },
          { key: 'vault', kind: 'ROLE', role: 'intern' },
        ],
        principals: { ada: { role: 'coder', privatePool: true }, ben: { role: 'intern', privatePool: true, id: ADA } },
        memories: { plan: { pool: 'agent:ada', author: 'ben' } },
      }),
    );
    const told = cast.pools.map(({ key, kind, role }) => [key, kind, role].join(' ').trim());
    expect(told.sort()).toEqual([
      `agent:${ADA} AGENT`,
      'agent:ada AGENT',
      'coder ROLE coder',
      'intern ROLE intern',
      'planner ROLE planner',
      'releases SHARED',
      'reviewer ROLE reviewer',
      'shared SHARED',
      'tester ROLE tester',
      'vault ROLE intern',
    ]);
    expect(cast.principals.get('ben')).toEqual({ id: ADA, role: 'intern' });
    expect(cast.pools.find(({ key }) => key === 'agent:ada')?.ownerId).toBe(cast.principals.get('ada')?.id);
    expect(memories.get('plan')?.authorId).toBe(ADA);
    expect(statements).toEqual(defaultPolicy());
    expect(cases[0]?.name).toBe('ada on plan');
  });

  it('gives a memory the usual where it says nothing, and keeps what it says', () => {
    const usual = parse(raw({ now: '2026-03-01T12:00:00+02:00' })).memories.get('plan');
    const now = new Date('2026-03-01T10:00:00Z');
    expect(usual).toMatchObject({
      type: 'DECLARATIVE',
      status: 'ACTIVE',
      importance: 'MEDIUM',
      entityId: null,
      sessionId: null,
      speaker: null,
      labels: [],
      createdAt: now,
      validFrom: null,
    });
    expect(usual?.authorId).toMatch(/^[0-9a-f-]{36}$/);
    const given = {
      type: 'EPISODIC',
      status: 'PROPOSED',
      importance: 'HIGH',
      entityId: 'alpha',
      sessionId: 's',
      speaker: 'Eve',
      labels: ['x'],
    };
    const times = { createdAt: '2025-01-01T00:00:00Z', validFrom: '2024-01-01T00:00:00Z' };
    expect(parse(withMemory({ pool: 'shared', ...given, ...times })).memories.get('plan')).toMatchObject({
      ...given,
      createdAt: new Date(times.createdAt),
      validFrom: new Date(times.validFrom),
    });
  });

  it('says the same in every run: ids follow from names, and the clock stands still', () => {
    expect(parse(raw())).toEqual(parse(raw()));
    expect(parse(raw()).now).toEqual(new Date('2026-01-01T00:00:00Z'));
  });

  it.each([
    ['itself', { statements: [ANSWERED] }],
    ['as policy answers it', { data: { policy: { version: 3, active: true, comment: null, statements: [ANSWERED] } } }],
    ['without the data around it', { policy: { statements: [ANSWERED] } }],
    ['as activatePolicy takes it', { expectedVersion: 3, comment: 'why', statements: [{ id: 's1', ...STATEMENT }] }],
  ])('takes a policy %s, inline and from a file', (_, policy) => {
    const expected = [expect.objectContaining(ANSWERED)];
    expect(parse(raw({ policy })).statements).toEqual(expected);
    const files: string[] = [];
    const fromFile = parsePolicyCases(raw({ policy: './team.yaml' }), (file) => {
      files.push(file);
      return policy;
    });
    expect(fromFile.statements).toEqual(expected);
    expect(files).toEqual(['./team.yaml']);
  });

  it('does not go astray in a policy that contains itself', () => {
    const policy: Raw = {};
    policy['policy'] = policy;
    expect(() => parse(raw({ policy }))).toThrow('policy.policy.policy: is no part of a policy');
  });

  it('needs its clock when a statement expires, and only then', () => {
    const policy = { statements: [{ ...ANSWERED, expiresAt: '2026-06-01T00:00:00Z' }] };
    expect(() => parse(raw({ policy }))).toThrow('now: is needed, for statement s1 expires');
    expect(parse(raw({ policy, now: '2026-05-01T00:00:00Z' })).now).toEqual(new Date('2026-05-01T00:00:00Z'));
  });

  it('lets a principal be there as an author alone', () => {
    const principals = { ada: { role: 'coder' }, ben: { role: 'tester' } };
    expect(() => parse(raw({ principals }))).toThrow('principals.ben: is in no case, and author of no memory');
    expect(() => parse(raw({ principals, memories: { plan: { pool: 'shared', author: 'ben' } } }))).not.toThrow();
  });

  it('takes the same expectation twice, and refuses two that contradict each other', () => {
    const first = { principal: 'ada', memory: 'plan', allow: ['READ'] };
    expect(() => parse(raw({ cases: [first, { ...first }] }))).not.toThrow();
    const contradiction = 'cases.1: contradicts cases.0 about ada and plan';
    expect(() => parse(raw({ cases: [first, { ...first, allow: [] }] }))).toThrow(contradiction);
    expect(() => parse(raw({ cases: [first, { ...first, hidden: ['labels'] }] }))).toThrow(contradiction);
  });

  it('asks no more than so many questions', () => {
    const names = (word: string, count: number) => Array.from({ length: count }, (_, index) => `${word}${index}`);
    const [principals, memories] = [names('p', 101), names('m', 100)];
    const document = raw({
      principals: Object.fromEntries(principals.map((name) => [name, { role: 'coder' }])),
      memories: Object.fromEntries(memories.map((name) => [name, { pool: 'shared' }])),
      cases: [{ principals, memories, allow: [] }],
    });
    expect(() => parse(document)).toThrow('cases: speak of 10100 pairs of a principal and a memory; at most 10000');
  });
});

const LONG = 'x'.repeat(49);
const many = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

describe('is refused with the place', () => {
  it.each<[string, unknown]>([
    ['document: must be a document of cases', null],
    ['document: must be a document of cases', [raw()]],
    ['document.case: is no part of a document of cases; there are policy, now,', raw({ case: [] })],
    ['policy: is missing: default,', raw({ policy: undefined })],
    ['policy: must be a policy', raw({ policy: 7 })],
    ['policy: must be a policy', raw({ policy: [ANSWERED] })],
    ['policy.statement: is no part of a policy', raw({ policy: { statement: [] } })],
    ['policy.statements: must be a list', raw({ policy: { statements: {} } })],
    [
      'policy.data.policy.statements.0.effect: must be one of ALLOW, DENY',
      raw({ policy: { data: { policy: { statements: [{ ...ANSWERED, effect: 'allow' }] } } } }),
    ],
    [
      'policy.statements.0.roles.0: "intern" is not known here',
      raw({ policy: { statements: [{ ...ANSWERED, roles: ['intern'] }] } }),
    ],
    [
      'policy.statements.0.pools.0: "vault" is not known here',
      raw({ policy: { statements: [{ ...ANSWERED, pools: ['vault'] }] } }),
    ],
    [
      'policy.statements.0.where.mood: is no field',
      raw({ policy: { statements: [{ ...ANSWERED, where: { mood: { eq: 'x' } } }] } }),
    ],
    ['now: must be an ISO 8601 time with an offset', raw({ now: '2026-01-01T00:00:00' })],
    ['now: must be an ISO 8601 time with an offset', raw({ now: 2026 })],
    ['roles: must be a list', raw({ roles: 'intern' })],
    ['roles.0: must be text', raw({ roles: [{ key: 'intern' }] })],
    ['roles.0: must be 1 to 64 lower case letters', raw({ roles: ['Intern'] })],
    ['roles.1: there is a role intern already', raw({ roles: ['intern', 'intern'] })],
    ['roles.0: there is a role coder already', raw({ roles: ['coder'] })],
    ['pools.0: must be a pool', raw({ pools: ['vault'] })],
    ['pools.0.owner: is no part of a pool', raw({ pools: [{ key: 'vault', kind: 'SHARED', owner: 'ada' }] })],
    ['pools.0.key: is a word that policies', raw({ pools: [{ key: 'agent:ada', kind: 'SHARED' }] })],
    ['pools.0.key: there is a pool coder already', raw({ pools: [{ key: 'coder', kind: 'SHARED' }] })],
    ['pools.0.kind: must be one of SHARED, ROLE', raw({ pools: [{ key: 'vault', kind: 'AGENT' }] })],
    ['pools.0.role: must be one of planner', raw({ pools: [{ key: 'vault', kind: 'ROLE' }] })],
    ['pools.0.role: "boss" is not known here', raw({ pools: [{ key: 'vault', kind: 'ROLE', role: 'boss' }] })],
    [
      'pools.0.role: is only for a pool of kind ROLE',
      raw({ pools: [{ key: 'vault', kind: 'SHARED', role: 'coder' }] }),
    ],
    ['principals: must be {name: …}', raw({ principals: ['ada'] })],
    ['principals: must be {name: …}', raw({ principals: undefined })],
    ['principals: is empty', raw({ principals: {} })],
    ['principals: "a.b" is no name', raw({ principals: { 'a.b': { role: 'coder' } } })],
    [`principals: "${LONG}" is no name`, raw({ principals: { [LONG]: { role: 'coder' } } })],
    ['principals.ada: must be a principal', withPrincipal('coder')],
    ['principals.ada.roles: is no part of a principal', withPrincipal({ roles: ['coder'] })],
    ['principals.ada.role: must be one of planner', withPrincipal({})],
    ['principals.ada.role: "boss" is not known here; there are planner, coder', withPrincipal({ role: 'boss' })],
    ['principals.ada.privatePool: must be true or false', withPrincipal({ role: 'coder', privatePool: 'yes' })],
    ['principals.ada.id: must be the id of a principal', withPrincipal({ role: 'coder', id: 'ada' })],
    [
      'principals.ben.id: is the id of ada too',
      raw({ principals: { ada: { role: 'coder', id: ADA }, ben: { role: 'coder', id: ADA } } }),
    ],
    ['memories: must be {name: …}', raw({ memories: [] })],
    ['memories.plan: must be a memory', withMemory(null)],
    ['memories.plan.title: is no part of a memory', withMemory({ pool: 'shared', title: 'x' })],
    ['memories.plan.pool: must be one of shared', withMemory({})],
    ['memories.plan.pool: "agent:ada" is not known here', withMemory({ pool: 'agent:ada' })],
    ['memories.plan.type: must be one of EPISODIC', withMemory({ pool: 'shared', type: 'fact' })],
    ['memories.plan.status: must be one of ACTIVE', withMemory({ pool: 'shared', status: 'DRAFT' })],
    ['memories.plan.importance: must be one of LOW', withMemory({ pool: 'shared', importance: 2 })],
    ['memories.plan.author: "ben" is not known here; there are ada', withMemory({ pool: 'shared', author: 'ben' })],
    ['memories.plan.entityId: must be text', withMemory({ pool: 'shared', entityId: 7 })],
    ['memories.plan.sessionId: must be text', withMemory({ pool: 'shared', sessionId: [] })],
    ['memories.plan.speaker: has 1001 characters', withMemory({ pool: 'shared', speaker: 'x'.repeat(1001) })],
    ['memories.plan.labels: must be a list', withMemory({ pool: 'shared', labels: 'x' })],
    ['memories.plan.labels.1: must be text', withMemory({ pool: 'shared', labels: ['x', 1] })],
    [
      'memories.plan.createdAt: must be an ISO 8601 time',
      withMemory({ pool: 'shared', createdAt: '2026-02-30T00:00:00Z' }),
    ],
    ['memories.plan.validFrom: must be an ISO 8601 time', withMemory({ pool: 'shared', validFrom: 'yesterday' })],
    ['memories.rumour: is in no case', raw({ memories: { plan: { pool: 'planner' }, rumour: { pool: 'shared' } } })],
    ['cases: must be a list', raw({ cases: {} })],
    ['cases: is empty', raw({ cases: [] })],
    ['cases: has 5001 entries', raw({ cases: many(5001, null) })],
    ['cases.0: must be a case', raw({ cases: ['ada'] })],
    ['cases.0.deny: is no part of a case', withCase({ deny: ['READ'] })],
    ['cases.0.name: must be text', withCase({ name: 7 })],
    ['cases.0: needs either principal or principals', withCase({ principal: undefined })],
    ['cases.0: needs either principal or principals', withCase({ principals: ['ada'] })],
    ['cases.0: needs either memory or memories', withCase({ memory: undefined })],
    ['cases.0.principal: "bob" is not known here; there are ada', withCase({ principal: 'bob' })],
    ['cases.0.principal: must be one of ada', withCase({ principal: ['ada'] })],
    ['cases.0.principals.0: "bob" is not known here', withCase({ principal: undefined, principals: ['bob'] })],
    ['cases.0.memories: is empty', withCase({ memory: undefined, memories: [] })],
    ['cases.0.memories.0: "__proto__" is not known here', withCase({ memory: undefined, memories: ['__proto__'] })],
    ['cases.0.allow: must be a list', withCase({ allow: undefined })],
    ['cases.0.allow: must be a list', withCase({ allow: 'READ' })],
    ['cases.0.allow.1: must be one of READ, WRITE', withCase({ allow: ['READ', 'read'] })],
    ['cases.0.hidden.0: must be one of content', withCase({ allow: ['READ'], hidden: ['type'] })],
    ['cases.0.hidden: says what READ hides, and READ is not among', withCase({ allow: ['WRITE'], hidden: ['labels'] })],
  ])('%s', (problem, document) => {
    expect(() => parse(document)).toThrow(problem);
  });

  it('also a name that a case has twice', () => {
    const principals = { ada: { role: 'coder' }, ben: { role: 'coder' }, eve: { role: 'coder' } };
    const cases = [{ principals: ['ada', 'ben', 'ada'], memory: 'plan', allow: [] }];
    expect(() => parse(raw({ principals, cases }))).toThrow('cases.0.principals.2: names ada a second time');
  });
});
