import type { Principal } from '#access';
import type { MemorizeInput, Memorized } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { deny, editPolicy } from '../support/policy.js';

let api: TestApi;
let coder: Principal;
let planner: Principal;
let tester: Principal;
beforeAll(async () => {
  api = await startTestApi();
  const agent = async (role: string) => api.broker.credentials.authenticate((await api.agent(role)).key);
  [coder, planner, tester] = [await agent('coder'), await agent('planner'), await agent('tester')];
});
afterAll(() => api.close());

const input = (content: string, rest: Partial<MemorizeInput> = {}): MemorizeInput => ({
  type: 'EPISODIC',
  pool: 'coder',
  content,
  ...rest,
});
const told = ({ outcome, memory }: Memorized) => ({ outcome, id: memory.id });
const write = async (caller: Principal, one: MemorizeInput) => told(await api.broker.memorize.memorize(caller, one));
const stored = async (id: string): Promise<string[]> => {
  const { rows } = await api.broker.database.maintenance<{ content: string }>(
    'select content from memory where memory_id = $1',
    [id],
  );
  return rows.map(({ content }) => content);
};
const inAnHour = () => new Date(Date.now() + 3_600_000);

/** @returns what came of it; sent again it must come to the same, and be of a memory that is there */
async function writeTwice(caller: Principal, one: MemorizeInput) {
  const first = await write(caller, one);
  expect(await write(caller, one)).toEqual(first);
  expect(await stored(first.id)).toEqual([one.content]);
  return first;
}

describe('a request with an idempotency key is answered again as it was answered first', () => {
  it('where it made a memory', async () => {
    expect(await writeTwice(coder, input('a fresh start', { idempotencyKey: 'fresh' }))).toMatchObject({
      outcome: 'CREATED',
    });
  });

  it('where the content stood there already', async () => {
    const standing = await write(coder, input('it stands'));
    const answer = await writeTwice(coder, input('it stands', { idempotencyKey: 'standing' }));
    expect(answer).toEqual({ outcome: 'DUPLICATE', id: standing.id });
  });

  it('where it stood there and may not be seen', async () => {
    await editPolicy(api.admin, (statements) => [
      ...statements,
      deny('coder', ['READ'], ['coder'], { where: { labels: { contains: 'hidden' } } }),
    ]);
    const { id } = await write(coder, input('it is hidden', { labels: ['hidden'] }));
    await api.broker.database.maintenance('update memory set author_id = $2 where memory_id = $1', [id, planner.id]);
    const answer = await writeTwice(coder, input('it is hidden', { idempotencyKey: 'hidden' }));
    expect(answer.outcome).toBe('CREATED');
    expect(answer.id).not.toBe(id);
  });

  it('where another with a key of its own says the same for longer', async () => {
    const [short, long] = [
      input('twice at once', { idempotencyKey: 'short', expiresAt: inAnHour() }),
      input('twice at once', { idempotencyKey: 'long' }),
    ];
    const { results } = await api.broker.memorize.memorizeMany(coder, [short, long]);
    const [first, second] = results.map(told);
    expect(second?.outcome).toBe('CREATED');
    expect(first).toEqual({ outcome: 'DUPLICATE', id: second?.id });
    expect([await write(coder, short), await write(coder, long)]).toEqual([first, second]);
  });

  it('where it outlives what stood there', async () => {
    const standing = await write(coder, input('it ends', { expiresAt: inAnHour() }));
    const answer = await writeTwice(coder, input('it ends', { idempotencyKey: 'lasting' }));
    expect(answer.outcome).toBe('CREATED');
    expect(answer.id).not.toBe(standing.id);
  });

  it('where it was proposed, and where what was proposed stood there', async () => {
    const proposal = input('for all', { pool: 'shared', idempotencyKey: 'proposed' });
    expect(await writeTwice(tester, proposal)).toMatchObject({ outcome: 'PROPOSED' });
    const standing = await write(planner, input('known to all', { pool: 'shared' }));
    const again = input('known to all', { pool: 'shared', idempotencyKey: 'known' });
    expect(await writeTwice(tester, again)).toEqual({ outcome: 'DUPLICATE', id: standing.id });
  });

  it('for a day, and then as what it comes to by then', async () => {
    const one = input('a day later', { idempotencyKey: 'day' });
    const first = await writeTwice(coder, one);
    const { rowCount } = await api.broker.database.maintenance(
      `update idempotency set created_at = now() - interval '25 hours' where key = 'day'`,
    );
    expect(rowCount).toBe(1);
    expect(await writeTwice(coder, one)).toEqual({ outcome: 'DUPLICATE', id: first.id });
  });
});

describe('a request that was refused', () => {
  it('leaves its key free', async () => {
    const nowhere = '00000000-0000-7000-8000-000000000000';
    const refused = input('of nothing', { idempotencyKey: 'free', derivedFrom: [nowhere] });
    await expect(write(coder, refused)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await writeTwice(coder, input('of something', { idempotencyKey: 'free' }))).toMatchObject({
      outcome: 'CREATED',
    });
  });
});
