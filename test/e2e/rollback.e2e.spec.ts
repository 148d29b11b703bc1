import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { allMemories, memorize } from '../support/memories.js';
import { activePolicy, allow, editPolicy, type Statement } from '../support/policy.js';

let api: TestApi;
let defaults: Statement[];
let coder: TestClient;

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  defaults = (await activePolicy(api.admin)).statements;
  const planner = await api.agent('planner');
  for (let n = 0; n < 9; n++) await memorize(planner, { pool: 'shared', content: `plan ${n}` });
  await memorize(coder, { content: 'a note of the coder' });
});
afterAll(() => api.close());
beforeEach(async () => {
  await editPolicy(api.admin, () => defaults);
});

describe('rollbackPolicy', () => {
  const ROLLBACK = `mutation ($to: Int!, $expected: Int!) { rollbackPolicy(toVersion: $to, expectedVersion: $expected) {
    policy { version active comment author { role } statements { id } } } }`;
  const version = async () => (await activePolicy(api.admin)).version;

  it('makes a new version with the statements of an old one, in force at the next statement', async () => {
    const before = await version();
    const edited = await editPolicy(api.admin, (all) => all.filter(({ id }) => id !== 'coder-shared'));
    expect((await allMemories(coder, { pools: ['coder'] })).totalCount).toBeGreaterThan(0);
    expect(await coder.code('{ memories(filter: {pools: ["shared"]}) { totalCount } }')).toBe('BAD_INPUT');
    const { rollbackPolicy } = await api.admin.ask<{
      rollbackPolicy: { policy: { version: number; statements: unknown[] } };
    }>(ROLLBACK, { to: before, expected: edited });
    expect(rollbackPolicy.policy).toMatchObject({
      version: edited + 1,
      active: true,
      comment: `Rollback to version ${before}.`,
      author: { role: 'admin' },
    });
    expect(await activePolicy(api.admin)).toEqual({ version: edited + 1, statements: defaults });
    expect((await allMemories(coder, { pools: ['shared'] })).totalCount).toBe(9);
  });

  it('is refused from another version than the active one, to one that never was, and to whoever does not administer', async () => {
    const expected = await version();
    expect(await api.admin.code(ROLLBACK, { to: 1, expected: expected - 1 })).toBe('CONFLICT');
    for (const to of [0, -1, expected + 1, 2_147_483_647])
      expect(await api.admin.code(ROLLBACK, { to, expected })).toBe('NOT_FOUND');
    expect(await coder.code(ROLLBACK, { to: 1, expected })).toBe('FORBIDDEN');
    expect(await version()).toBe(expected);
  });

  it('is refused to a version under which nobody who is there could administer any longer', async () => {
    const spare = await api.agent('planner');
    const ADMINISTERS = allow('planner', ['ADMINISTER'], ['*'], { id: 'planners-administer' });
    const old = await editPolicy(api.admin, (all) => [
      ...all.filter(({ id }) => id !== 'admin-organisation'),
      ADMINISTERS,
    ]);
    const back = await editPolicy(spare, () => defaults);
    await api.broker.database.maintenance(
      `update api_key set revoked_at = now() where principal_id in (select principal_id from principal where role_key = 'planner')`,
    );
    const { errors } = await api.admin.send(ROLLBACK, { to: old, expected: back });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_INPUT', field: 'toVersion' });
  });
});
