import type { Principal } from '#access';
import type { MemorizeInput, MemorizedMany } from '#memory';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { lockPools } from '../../libs/memory/src/pool-locks.repository.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { itOnNative, nativeOnly } from '../support/database.js';
import { randomNumbers } from '../support/random-numbers.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

let said = 0;
const input = (content: string, idempotencyKey?: string): MemorizeInput => ({
  type: 'EPISODIC',
  pool: 'coder',
  content,
  ...(idempotencyKey !== undefined && { idempotencyKey }),
});

/** A coder whose next units take a statement each: old keys were looked for, and no repeat is expected. */
async function freshCoder(): Promise<Principal> {
  const coder = await api.broker.credentials.authenticate((await api.agent('coder')).key);
  await api.broker.memorize.memorize(coder, input(`the first word ${said++}`, 'the first'));
  return coder;
}

/** Of each input in its order: what came of it, and of which memory; or the code of its failure. */
function told({ results, failures }: MemorizedMany, count: number): string[] {
  const failed = new Map(failures.map(({ index, error }) => [index, error.code]));
  const left = [...results];
  return Array.from({ length: count }, (_, index) => {
    const code = failed.get(index);
    if (code !== undefined) return code;
    const { outcome, memory } = left.shift() as MemorizedMany['results'][0];
    return `${outcome} ${memory.content} ${memory.id}`;
  });
}

async function send(coder: Principal, inputs: MemorizeInput[]): Promise<string[]> {
  return told(await api.broker.memorize.memorizeMany(coder, inputs), inputs.length);
}

/** Without the ids. */
const outcomes = (lines: string[]) => lines.map((line) => line.replace(/ [0-9a-f-]{36}$/, ''));

async function countOf(content: string): Promise<number> {
  const text = `select from memory m join memory_event e using (org_id, memory_id) where m.content = $1`;
  return (await api.broker.database.maintenance(text, [content])).rowCount ?? 0;
}

describe('writes under keys that come together', () => {
  it('are stored once each, and sent again answered as before', async () => {
    const coder = await freshCoder();
    const inputs = Array.from({ length: 20 }, (_, nth) => input(`keyed ${nth}`, `key ${nth}`));
    const sent = jest.spyOn(pg.Client.prototype, 'query');
    const first = await send(coder, inputs);
    const names = sent.mock.calls.map(([statement]) => (statement as { name?: string }).name);
    sent.mockRestore();
    expect(names.filter((name) => name?.startsWith('memorize_') || name === 'claim_keys')).toEqual([
      'memorize_claimed',
    ]);
    expect(outcomes(first)).toEqual(inputs.map(({ content }) => `CREATED ${content}`));
    expect(await send(coder, inputs)).toEqual(first);
    for (const { content } of inputs) expect(await countOf(content)).toBe(1);
  });

  it('are each stored once, however many send them at once', async () => {
    const coder = await freshCoder();
    const inputs = Array.from({ length: 10 }, (_, nth) => input(`at once ${nth}`, `at once ${nth}`));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, nth) => send(coder, nth % 2 ? inputs : [...inputs].reverse())),
    );
    expect(new Set(answers.map((lines) => [...lines].sort().join('\n'))).size).toBe(1);
    for (const { content } of inputs) expect(await countOf(content)).toBe(1);
  });

  it('one by one: each has its own outcome, though one before it on the connection failed for a repeat', async () => {
    const coder = await freshCoder();
    const { memory } = await api.broker.memorize.memorize(coder, input('stands before'));
    const inputs = Array.from({ length: 24 }, (_, nth) =>
      input(nth % 8 === 0 ? 'stands before' : `one by one ${nth}`, `one by one ${nth}`),
    );
    const each = () => Promise.all(inputs.map((one) => api.broker.memorize.memorize(coder, one)));
    const first = await each();
    expect(first.map(({ outcome }) => outcome)).toEqual(
      inputs.map((_, nth) => (nth % 8 === 0 ? 'DUPLICATE' : 'CREATED')),
    );
    for (const [nth, one] of first.entries()) if (nth % 8 === 0) expect(one.memory.id).toBe(memory.id);
    expect((await each()).map(({ outcome, memory: { id } }) => [outcome, id])).toEqual(
      first.map(({ outcome, memory: { id } }) => [outcome, id]),
    );
    for (const { content } of inputs) expect(await countOf(content)).toBe(1);
  });

  itOnNative(nativeOnly('are answered as before while their pool is held'), async () => {
    const coder = await freshCoder();
    const { memory, outcome } = await api.broker.memorize.memorize(coder, input('before it was held', 'held'));
    const again = await api.broker.access.system('hold a pool', async (unit) => {
      await lockPools(unit, [memory.poolId]);
      return api.broker.memorize.memorize(coder, input('before it was held', 'held'));
    });
    expect([again.outcome, again.memory.id]).toEqual([outcome, memory.id]);
  });

  it('keep no key for what turned out to stand there', async () => {
    const coder = await freshCoder();
    await send(coder, [input('stands already')]);
    const inputs = [input('beside what stands', 'beside'), input('stands already', 'stands'), input('under no key')];
    const first = await send(coder, inputs);
    expect(outcomes(first)).toEqual(['CREATED beside what stands', 'DUPLICATE stands already', 'CREATED under no key']);
    expect((await send(coder, inputs)).slice(0, 2)).toEqual(first.slice(0, 2));
    expect(await countOf('beside what stands')).toBe(1);
  });

  it('store what is new beside a key that was used before, for the same or for another', async () => {
    const coder = await freshCoder();
    const [before] = await send(coder, [input('before', 'used')]);
    const other = await freshCoder();
    expect(outcomes(await send(other, [input('of another agent', 'used')]))).toEqual(['CREATED of another agent']);
    expect(await send(coder, [input('before', 'used'), input('beside it', 'unused')])).toEqual([
      before,
      expect.stringMatching(/^CREATED beside it/),
    ]);
    expect(outcomes(await send(coder, [input('changed', 'used'), input('beside that', 'new')]))).toEqual([
      'CONFLICT',
      'CREATED beside that',
    ]);
  });

  it('that say the same are one memory, whichever key was free', async () => {
    const coder = await freshCoder();
    await send(coder, [input('taken by this', 'taken')]);
    const inputs = [input('said by both', 'taken'), input('said by both', 'free')];
    const first = await send(coder, inputs);
    expect(outcomes(first)).toEqual(['CONFLICT', 'CREATED said by both']);
    expect(await send(coder, inputs)).toEqual(first);
    expect(await countOf('said by both')).toBe(1);
  });

  it('are free again after a day', async () => {
    const coder = await freshCoder();
    const [, second] = await send(coder, [input('of that day', 'daily'), input('of the day', 'other')]);
    await api.broker.database.maintenance(
      `update idempotency set created_at = now() - interval '25 hours' where key = 'daily' and principal_id = $1`,
      [coder.id],
    );
    expect(outcomes(await send(coder, [input('of the next day', 'daily')]))).toEqual(['CREATED of the next day']);
    expect(await send(coder, [input('of the day', 'other')])).toEqual([second]);
  });
});

/** What one after the other would come to: an account of keys and contents, and nothing else. */
class Account {
  private readonly byKey = new Map<string, { content: string; answer: string }>();
  private readonly contents = new Set<string>();

  answerOf({ content, idempotencyKey: key }: MemorizeInput): string {
    const before = typeof key === 'string' ? this.byKey.get(key) : undefined;
    if (before) return before.content === content ? before.answer : 'CONFLICT';
    const answer = `${this.contents.has(content) ? 'DUPLICATE' : 'CREATED'} ${content}`;
    this.contents.add(content);
    if (typeof key === 'string') this.byKey.set(key, { content, answer });
    return answer;
  }
}

describe('batches of whatever keys and contents', () => {
  it('come to what their inputs would come to, one after the other', async () => {
    const { below } = randomNumbers(20_261_130);
    for (let round = 0; round < 12; round++) {
      const coder = await freshCoder();
      const account = new Account();
      for (let batch = 0; batch < 6; batch++) {
        const inputs = Array.from({ length: 1 + below(5) }, () =>
          input(`${round}: content ${below(12)}`, below(4) === 0 ? undefined : `key ${below(12)}`),
        );
        const expected = inputs.map((one) => account.answerOf(one));
        expect(outcomes(await send(coder, inputs))).toEqual(expected);
        // So many units without a repeat, and none is expected any more.
        for (let nth = 0; nth < 16; nth++) await send(coder, [input(`in between ${said++}`)]);
      }
    }
  });
});
