import { verifyAudit } from '#access';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import { promote, review } from '../support/review.js';

interface Entry {
  id: string;
  seq: number;
  hash: string;
  at: string;
  action: string;
  target: string | null;
  detail: Record<string, unknown>;
  principal: { id: string; role: string } | null;
}

let api: TestApi;
let coder: TestClient & { id: string };

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const LOG = `query ($first: Int, $after: String) { auditLog(first: $first, after: $after) {
  nodes { id seq hash at action target detail principal { id role } } edges { cursor }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
interface Page {
  nodes: Entry[];
  edges: { cursor: string }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
}
const page = async (first = 50, after: string | null = null) =>
  (await api.admin.ask<{ auditLog: Page }>(LOG, { first, after })).auditLog;
const newest = async () => (await page(1)).nodes[0] as Entry;
const verify = (anchors: { seq: number; hash: Buffer }[] = []) =>
  verifyAudit(api.broker.database, anchors, () => undefined);
const tamper = (text: string) => api.broker.database.maintenance(text);

describe('the audit log', () => {
  it('tells who changed what, of everything that an admin can change', async () => {
    const ask = (mutation: string) => api.admin.ask<Record<string, { id: string }>>(`mutation { ${mutation} }`);
    await ask('createRole(input: {key: "analyst"}) { key }');
    expect(await newest()).toMatchObject({ action: 'role.create', target: 'analyst' });
    await ask('createPool(input: {key: "ideas", kind: SHARED}) { id }');
    expect(await newest()).toMatchObject({ action: 'pool.create', target: 'ideas', detail: { kind: 'SHARED' } });
    const agent = await api.agent('tester');
    expect(await newest()).toMatchObject({ action: 'agent.register', target: agent.id, detail: { role: 'tester' } });
    const issue = 'mutation ($id: ID!) { issueKey(agentId: $id) { key { id prefix } secret } }';
    const { issueKey } = await api.admin.ask<{ issueKey: { key: { id: string; prefix: string }; secret: string } }>(
      issue,
      {
        id: agent.id,
      },
    );
    expect(await newest()).toMatchObject({ action: 'key.issue', target: issueKey.key.id });
    const revoke = 'mutation ($id: ID!) { revokeKey(id: $id) { id } }';
    for (let time = 0; time < 2; time++) await api.admin.ask(revoke, { id: issueKey.key.id });
    const [revoked, before] = (await page(2)).nodes;
    expect(revoked).toMatchObject({ action: 'key.revoke', target: issueKey.key.id });
    // Revoking again changed nothing.
    expect(before?.action).toBe('key.issue');
    expect(JSON.stringify(await page(100))).not.toContain(issueKey.secret);
    const { viewer } = await api.admin.ask<{ viewer: { id: string } }>('{ viewer { id } }');
    expect(revoked?.principal).toEqual({ id: viewer.id, role: 'admin' });
  });

  it('tells what an edit of the policy added, removed and changed', async () => {
    await editPolicy(api.admin, (statements) => [
      ...statements
        .filter(({ id }) => id !== 'tester-coder')
        .map((one) => (one.id === 'coder-planner' ? { ...one, pools: ['planner', 'ideas'] } : one)),
      allow('analyst', ['READ'], ['shared'], { id: 'analyst-shared' }),
    ]);
    const entry = await newest();
    expect(entry).toMatchObject({ action: 'policy.activate', target: '2' });
    expect(entry.detail).toMatchObject({
      added: { count: 1, ids: ['analyst-shared'] },
      removed: { count: 1, ids: ['tester-coder'] },
      changed: { count: 1, ids: ['coder-planner'] },
    });
  });

  it('does not take for changed what the database wrote in another order', async () => {
    const where = { type: { eq: 'EPISODIC' }, entityId: { eq: 'alpha' }, labels: { contains: 'x' } };
    await editPolicy(api.admin, (statements) => [
      ...statements,
      allow('analyst', ['READ'], ['coder'], { id: 'narrow', where }),
    ]);
    await editPolicy(api.admin, (statements) =>
      statements.map((one) => (one.id === 'narrow' ? { ...one, where } : one)),
    );
    expect((await newest()).detail).toMatchObject({
      changed: { count: 0, ids: [] },
      added: { count: 0 },
      removed: { count: 0 },
    });
  });

  it('tells who decided on a memory, promoted one, or had one forgotten, and none of their words', async () => {
    await editPolicy(api.admin, (statements) => [...statements, allow('reviewer', ['REVIEW'], ['coder'])]);
    const reviewer = await api.agent('reviewer');
    const proposal = await memorize(coder, { pool: 'shared', content: 'zebracrossing one' });
    await review(reviewer, proposal, true, 'zebracrossing comment');
    expect(await newest()).toMatchObject({
      action: 'memory.review',
      target: proposal,
      detail: { approved: true, was: 'PROPOSED', authorId: coder.id },
      principal: { id: reviewer.id, role: 'reviewer' },
    });
    const note = await memorize(coder, { content: 'zebracrossing two' });
    const { memory } = await promote(reviewer, note, 'shared');
    expect(await newest()).toMatchObject({ action: 'memory.promote', target: note, detail: { copyId: memory.id } });
    await coder.ask('mutation ($id: ID!) { forget(id: $id, reason: "zebracrossing three") { id } }', { id: note });
    expect(await newest()).toMatchObject({ action: 'memory.erase', target: note });
    expect(JSON.stringify(await page(100))).not.toContain('zebracrossing');
  });

  it('holds nothing of what was refused, and everything of what was done', async () => {
    const before = (await newest()).seq;
    const pool = 'mutation { createPool(input: {key: "ideas", kind: SHARED}) { id } }';
    expect(await api.admin.code(pool)).toBe('CONFLICT');
    expect(await coder.code(pool.replace('ideas', 'mine'))).toBe('FORBIDDEN');
    expect((await newest()).seq).toBe(before);
  });

  it('is read newest first, page by page, by those who administer alone', async () => {
    const all = (await page(100)).nodes;
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, place) => all.length - place));
    const paged: Entry[] = [];
    for (let after: string | null = null; ;) {
      const { nodes, edges, pageInfo } = await page(3, after);
      paged.push(...nodes);
      expect(edges.at(-1)?.cursor).toBe(pageInfo.endCursor);
      expect(pageInfo.hasPreviousPage).toBe(after !== null);
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(paged).toEqual(all);
    expect(all.at(-1)).toMatchObject({ seq: 1, action: 'organization.create', principal: null });
    expect(await coder.code(LOG)).toBe('FORBIDDEN');
    for (const variables of [
      { first: 0 },
      { first: 101 },
      { after: 'x' },
      { after: Buffer.from('a1:0').toString('base64url') },
    ])
      expect(await api.admin.code(LOG, variables)).toBe('BAD_INPUT');
  });

  it('is written by many at once without a gap', async () => {
    const before = (await newest()).seq;
    const made = Array.from({ length: 12 }, (_, i) =>
      api.admin.ask(`mutation { createPool(input: {key: "many-${i}", kind: SHARED}) { id } }`),
    );
    await Promise.all(made);
    expect((await newest()).seq).toBe(before + 12);
    expect(await verify()).toMatchObject({ problem: null, end: { seq: before + 12 } });
  });
});

describe('the chain', () => {
  it('is recomputed outside the database, and holds', async () => {
    const { seq, hash } = await newest();
    const { problem, end } = await verify([{ seq, hash: Buffer.from(hash, 'hex') }]);
    expect(problem).toBeNull();
    expect(end).toEqual({ seq, hash: Buffer.from(hash, 'hex') });
  });

  it('cannot be changed by the broker’s own roles, even with ADMINISTER', async () => {
    const { viewer } = await api.admin.ask<{ viewer: { id: string } }>('{ viewer { id } }');
    const principal = { orgId: api.broker.access.orgId, id: viewer.id, role: 'admin', kind: 'OPERATOR' as const };
    const caller = { ...principal, name: 'admin', keyId: null, tokenExpiresAt: null };
    for (const text of [
      `update audit_entry set action = 'nothing'`,
      'delete from audit_entry',
      `insert into audit_entry select org_id, seq + 1000, gen_random_uuid(), at, principal_id, action, target, detail, previous_hash, hash from audit_entry`,
      'update audit_head set seq = 0',
      'delete from audit_head',
    ]) {
      const asCaller = api.broker.access.administer(caller, (unit) => unit.query({ text }));
      await expect(asCaller).rejects.toMatchObject({ code: '42501' });
      const asService = api.broker.access.system('test', (unit) => unit.query({ text }));
      await expect(asService).rejects.toMatchObject({ code: '42501' });
    }
  });

  it.each([
    [`update audit_entry set action = 'policy.view' where seq = 2`, 'entry 2 was changed'],
    [`update audit_entry set detail = '{"role":  "tester"}' where seq = 4`, 'entry 4 was changed'],
    [`update audit_entry set at = at + interval '1 microsecond' where seq = 3`, 'entry 3 was changed'],
    [`update audit_entry set principal_id = null where seq = 3`, 'entry 3 was changed'],
    ['delete from audit_entry where seq = 3', 'entry 3 is missing'],
    ['delete from audit_entry where seq = (select max(seq) from audit_entry)', 'were written'],
    ['delete from audit_head', 'its head says that 0 were written'],
    [
      `update audit_head set seq = 2, hash = (select hash from audit_entry where seq = 2)`,
      'its head says that 2 were written',
    ],
  ])('shows what somebody with the database did to it: %s', async (text, problem) => {
    await tamper('create table kept as select * from audit_entry');
    await tamper('create table kept_head as select * from audit_head');
    await tamper(text);
    const found = await verify();
    await tamper('delete from audit_entry');
    await tamper('insert into audit_entry select * from kept');
    await tamper('delete from audit_head');
    await tamper('insert into audit_head select * from kept_head');
    await tamper('drop table kept');
    await tamper('drop table kept_head');
    expect(found.problem).toContain(problem);
    expect((await verify()).problem).toBeNull();
  });
});
