import { describe, expect, it } from '@jest/globals';
import { parsePolicyCases } from './policy-cases.js';
import { runPolicyCases, type Check } from './run-cases.js';

type Raw = Record<string, unknown>;

const document = (changes: Raw): Raw => ({
  policy: 'default',
  principals: { ada: { role: 'coder' } },
  memories: { plan: { pool: 'planner' } },
  cases: [{ principal: 'ada', memory: 'plan', allow: ['READ'] }],
  ...changes,
});
const run = (changes: Raw = {}) =>
  runPolicyCases(
    parsePolicyCases(document(changes), () => {
      throw new Error('no file');
    }),
  );
const failuresOf = (changes: Raw): Check[] =>
  run(changes).cases.flatMap(({ checks }) => checks.filter(({ passed }) => !passed));
const statement = (changes: Raw = {}): Raw => ({
  id: 's1',
  effect: 'ALLOW',
  roles: ['coder'],
  actions: ['READ'],
  pools: ['planner'],
  ...changes,
});

describe('running cases', () => {
  it('asks of every principal, memory and action', () => {
    const report = run({
      principals: { ada: { role: 'coder' }, carl: { role: 'coder' } },
      memories: { plan: { pool: 'planner' }, roadmap: { pool: 'planner' } },
      cases: [
        { name: 'coders read plans', principals: ['ada', 'carl'], memories: ['plan', 'roadmap'], allow: ['READ'] },
      ],
    });
    expect(report).toMatchObject({ checks: 32, failed: 0, cases: [{ name: 'coders read plans', passed: true }] });
    const asked = report.cases[0]?.checks.map(({ principal, memory, action }) => `${principal} ${action} ${memory}`);
    expect(new Set(asked).size).toBe(32);
    expect(asked).toContain('carl CONSOLIDATE roadmap');
  });

  it('fails for an action that is allowed and was not listed, and says which statement allowed it', () => {
    expect(failuresOf({ cases: [{ principal: 'ada', memory: 'plan', allow: [] }] })).toEqual([
      {
        principal: 'ada',
        memory: 'plan',
        action: 'READ',
        expected: { allowed: false, hidden: [] },
        got: { allowed: true, hidden: [] },
        passed: false,
        reason: expect.stringContaining('allowed by statement coder-planner'),
      },
    ]);
  });

  it('fails for an action that was listed and is denied, and says by what', () => {
    const cases = [{ principal: 'ada', memory: 'plan', allow: ['READ', 'WRITE'] }];
    expect(failuresOf({ cases })).toMatchObject([
      {
        action: 'WRITE',
        expected: { allowed: true },
        got: { allowed: false },
        reason: expect.stringContaining('no statement allows it'),
      },
    ]);
    const policy = { statements: [statement(), statement({ id: 'closed', effect: 'DENY' })] };
    expect(failuresOf({ policy })).toMatchObject([
      { action: 'READ', got: { allowed: false }, reason: expect.stringContaining('denied by statement closed') },
    ]);
  });

  it('counts what fails, and one failing check makes its case fail and no other', () => {
    const report = run({
      memories: { plan: { pool: 'planner' }, fact: { pool: 'shared' } },
      cases: [
        { principal: 'ada', memory: 'plan', allow: ['WRITE', 'FORGET'] },
        { principal: 'ada', memory: 'fact', allow: ['READ', 'PROPOSE'] },
      ],
    });
    expect(report).toMatchObject({ checks: 16, failed: 3, cases: [{ passed: false }, { passed: true }] });
  });

  it('compares the fields that READ hides, in any order', () => {
    const policy = {
      statements: [statement(), statement({ id: 'who', effect: 'DENY', fields: ['author', 'speaker'] })],
    };
    const expecting = (hidden: string[]) => ({
      policy,
      cases: [{ principal: 'ada', memory: 'plan', allow: ['READ'], hidden }],
    });
    expect(failuresOf(expecting(['speaker', 'author']))).toEqual([]);
    for (const wrong of [[], ['author'], ['author', 'speaker', 'labels']]) {
      expect(failuresOf(expecting(wrong))).toMatchObject([
        { action: 'READ', got: { allowed: true, hidden: ['author', 'speaker'] } },
      ]);
    }
  });

  it('lets statements expire on the clock of the document, and on no other', () => {
    const policy = { statements: [statement({ expiresAt: '2020-06-01T00:00:00Z' })] };
    expect(failuresOf({ policy, now: '2020-05-31T23:59:59Z' })).toEqual([]);
    expect(failuresOf({ policy, now: '2020-06-01T00:00:00Z' })).toMatchObject([{ action: 'READ' }]);
    expect(
      failuresOf({
        policy: { statements: [statement({ expiresAt: '2999-01-01T00:00:00Z' })] },
        now: '2999-01-01T00:00:00Z',
      }),
    ).toHaveLength(1);
  });

  it('knows conditions on what a memory says, and on its author', () => {
    const ada = '00000000-0000-7000-8000-000000000001';
    const memories = {
      old: { pool: 'planner', createdAt: '2025-01-01T00:00:00Z' },
      tagged: { pool: 'planner', labels: ['public'] },
      hers: { pool: 'planner', author: 'ada' },
      plain: { pool: 'planner' },
    };
    const where = [
      { createdAt: { lt: '2025-06-01T00:00:00Z' } },
      { labels: { contains: 'public' } },
      { authorId: { eq: ada } },
    ];
    const statements = where.map((condition, index) => statement({ id: `s${index}`, where: condition }));
    const cases = [
      { principal: 'ada', memories: ['old', 'tagged', 'hers'], allow: ['READ'] },
      { principal: 'ada', memory: 'plain', allow: [] },
    ];
    expect(
      failuresOf({ principals: { ada: { role: 'coder', id: ada } }, memories, policy: { statements }, cases }),
    ).toEqual([]);
  });

  it('answers what the product answers about proposals, and not the bare policy', () => {
    const principals = { ada: { role: 'coder' }, carl: { role: 'coder' }, rita: { role: 'reviewer' } };
    const memories = { proposal: { pool: 'shared', status: 'PROPOSED', author: 'ada' } };
    const cases = [
      { principal: 'ada', memory: 'proposal', allow: ['READ', 'PROPOSE', 'REVISE', 'FORGET'] },
      { principal: 'carl', memory: 'proposal', allow: ['PROPOSE'] },
      { principal: 'rita', memory: 'proposal', allow: ['READ', 'WRITE', 'REVIEW'] },
    ];
    expect(failuresOf({ principals, memories, cases })).toEqual([]);
  });

  it('tells own pools from those of others', () => {
    const principals = { ada: { role: 'coder', privatePool: true }, carl: { role: 'coder' } };
    const memories = { diary: { pool: 'agent:ada' } };
    const cases = [
      { principal: 'ada', memory: 'diary', allow: ['READ', 'WRITE', 'REVISE', 'FORGET'] },
      { principal: 'carl', memory: 'diary', allow: [] },
    ];
    expect(failuresOf({ principals, memories, cases })).toEqual([]);
    const everyAgent = { statements: [statement({ pools: ['kind:AGENT'] })] };
    const reading = { principals: ['ada', 'carl'], memory: 'diary', allow: ['READ'] };
    expect(failuresOf({ principals, memories, policy: everyAgent, cases: [reading] })).toEqual([]);
  });
});
