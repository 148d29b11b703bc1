import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { allow, deny, editPolicy } from '../support/policy.js';

let api: TestApi;
let coder: TestClient & { id: string };
let planner: TestClient & { id: string };

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  planner = await api.agent('planner');
});
afterAll(() => api.close());

const ERASE = 'mutation ($input: EraseInput!) { erase(input: $input) { ids } }';
const erase = async (client: TestClient, input: object): Promise<{ ids: string[] }> =>
  (await client.ask<{ erase: { ids: string[] } }>(ERASE, { input })).erase;
const refusal = async (client: TestClient, input: object) => (await client.send(ERASE, { input })).errors?.[0];
const statusOf = async (id: string) =>
  (await api.broker.database.maintenance<{ status: string }>('select status from memory where memory_id = $1', [id]))
    .rows[0]?.status;

describe('what is in the way', () => {
  it('is named where the caller sees it, and then nothing is erased', async () => {
    await editPolicy(api.admin, (statements) => [
      ...statements,
      allow('coder', ['WRITE'], ['shared'], { id: 'write' }),
    ]);
    const id = await memorize(coder, { content: 'Peridot' });
    const copy = await memorize(coder, { content: 'Peridot for all', pool: 'shared', derivedFrom: [id] });
    const error = await refusal(coder, { id });
    expect(error?.extensions.code).toBe('FORBIDDEN');
    expect(error?.message).toContain(copy);
    expect(await statusOf(id)).toBe('ACTIVE');
    await editPolicy(api.admin, (statements) => [
      ...statements,
      allow('coder', ['FORGET'], ['shared'], { id: 'forget' }),
    ]);
    expect((await erase(coder, { id })).ids).toEqual([id, copy].sort());
    await editPolicy(api.admin, (statements) =>
      statements.filter((one) => !['write', 'forget'].includes(one.id ?? '')),
    );
  });

  it('is not told where the caller does not see it: neither what it is, nor where, nor how much', async () => {
    const read = allow('planner', ['READ'], ['coder'], { id: 'read' });
    await editPolicy(api.admin, (statements) => [...statements, read]);
    const messages: string[] = [];
    for (const copies of [1, 3]) {
      const id = await memorize(coder, { content: `Quartzite ${copies}` });
      await editPolicy(api.admin, (statements) => [
        ...statements.filter((one) => one.id !== 'away'),
        deny('coder', ['READ'], ['planner'], { id: 'away' }),
      ]);
      const hidden: string[] = [];
      for (let n = 0; n < copies; n++)
        hidden.push(await memorize(planner, { content: `zqhidden ${copies} ${n}`, derivedFrom: [id] }));
      const error = await refusal(coder, { id });
      expect(error?.extensions.code).toBe('FORBIDDEN');
      for (const one of [...hidden, 'zqhidden', 'planner']) expect(error?.message).not.toContain(one);
      messages.push(error?.message as string);
      expect(await statusOf(id)).toBe('ACTIVE');
    }
    await editPolicy(api.admin, (statements) => statements.filter((one) => !['read', 'away'].includes(one.id ?? '')));
    expect(messages[0]).toBe(messages[1]);
  });

  it('is the same word for a memory that is hidden as for one that is not there, whatever was made of it', async () => {
    const id = await memorize(planner, { content: 'Ruby plan' });
    await memorize(planner, { content: 'Of the ruby plan', derivedFrom: [id] });
    const tester = await api.agent('tester');
    const missing = await refusal(tester, { id: '01990000-0000-7000-8000-000000000000' });
    expect(missing?.extensions.code).toBe('NOT_FOUND');
    expect(await refusal(tester, { id })).toEqual(missing);
    expect(await erase(tester, { entityId: 'nobody' })).toMatchObject({ ids: [] });
  });

  it('is the right to FORGET, on the memory itself', async () => {
    const reviewer = await api.agent('reviewer');
    const id = await memorize(coder, { content: 'Sardonyx' });
    expect((await refusal(reviewer, { id }))?.extensions.code).toBe('FORBIDDEN');
    expect(await statusOf(id)).toBe('ACTIVE');
  });
});
