import type { Principal } from '#access';
import type { MemorizeInput, MemorizedMany } from '#memory';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { startTestApi, type TestApi } from '../support/api.js';
import { deny, editPolicy } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

let said = 0;
const input = (content: string, rest: Partial<MemorizeInput> = {}): MemorizeInput => ({
  type: 'EPISODIC',
  pool: 'coder',
  content,
  ...rest,
});
const inputs = (about: string, count = 5) => Array.from({ length: count }, (_, nth) => input(`${about} ${nth}`));

async function agent(role = 'coder'): Promise<Principal> {
  return api.broker.credentials.authenticate((await api.agent(role)).key);
}

/** A coder whose next units take a statement each: old keys were looked for, and no repeat is expected. */
async function freshCoder(): Promise<Principal> {
  const coder = await agent();
  await api.broker.memorize.memorize(coder, input(`the first word ${said++}`, { idempotencyKey: 'the first' }));
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

async function send(caller: Principal, key: string | null, sent: readonly MemorizeInput[]): Promise<string[]> {
  return told(await api.broker.memorize.memorizeMany(caller, sent, key), sent.length);
}

/** Without the ids. */
const outcomes = (lines: string[]) => lines.map((line) => line.replace(/ [0-9a-f-]{36}$/, ''));

async function countOf(content: string): Promise<number> {
  const text = `select from memory m join memory_event e using (org_id, memory_id) where m.content = $1`;
  return (await api.broker.database.maintenance(text, [content])).rowCount ?? 0;
}

describe('a request of many under one key', () => {
  it('is stored by one statement, and answered again as it was', async () => {
    const coder = await freshCoder();
    const some = inputs('by one statement', 20);
    const sent = jest.spyOn(pg.Client.prototype, 'query');
    const first = await send(coder, 'one statement', some);
    const names = sent.mock.calls.map(([statement]) => (statement as { name?: string }).name);
    sent.mockRestore();
    expect(names.filter((name) => name?.startsWith('memorize_') || name?.startsWith('claim_'))).toEqual([
      'memorize_claimed_whole',
    ]);
    expect(outcomes(first)).toEqual(some.map(({ content }) => `CREATED ${content}`));
    expect(await send(coder, 'one statement', some)).toEqual(first);
    for (const { content } of some) expect(await countOf(content)).toBe(1);
  });

  it('is stored once, however often it is sent at once', async () => {
    const coder = await freshCoder();
    for (const some of [inputs('at once', 10), [...inputs('with a repeat', 3), input('at once 0')]]) {
      const key = some[0]?.content as string;
      const answers = await Promise.all(Array.from({ length: 12 }, () => send(coder, key, some)));
      expect(new Set(answers.map((lines) => lines.join('\n'))).size).toBe(1);
      for (const { content } of some) expect(await countOf(content)).toBe(1);
    }
  });

  it('has the outcomes that each had, be it a repeat, equal to another or a proposal', async () => {
    const [coder, tester] = [await freshCoder(), await agent('tester')];
    await send(coder, null, [input('stands already')]);
    const some = [input('said twice'), input('stands already'), input('said twice'), input('new')];
    const first = await send(coder, 'mixed', some);
    expect(outcomes(first)).toEqual([
      'CREATED said twice',
      'DUPLICATE stands already',
      'DUPLICATE said twice',
      'CREATED new',
    ]);
    expect(await send(coder, 'mixed', some)).toEqual(first);
    const proposals = [input('for all', { pool: 'shared' }), input('for all', { pool: 'shared' })];
    const proposed = await send(tester, 'proposals', proposals);
    expect(outcomes(proposed)).toEqual(['PROPOSED for all', 'DUPLICATE for all']);
    expect(await send(tester, 'proposals', proposals)).toEqual(proposed);
  });

  it('tries again what was refused, and nothing else', async () => {
    const coder = await freshCoder();
    const refused = { where: { labels: { contains: 'refused' } } };
    await editPolicy(api.admin, (statements) => [...statements, deny('coder', ['WRITE'], ['coder'], refused)]);
    const some = [input('taken'), input('refused at first', { labels: ['refused'] }), input('taken too')];
    const first = await send(coder, 'partly', some);
    expect(outcomes(first)).toEqual(['CREATED taken', 'FORBIDDEN', 'CREATED taken too']);
    expect(await send(coder, 'partly', some)).toEqual(first);
    await editPolicy(api.admin, (statements) => statements.slice(0, -1));
    const again = await send(coder, 'partly', some);
    expect(again).toEqual([first[0], expect.stringMatching(/^CREATED refused at first/), first[2]]);
    expect(await send(coder, 'partly', some)).toEqual(again);
    for (const { content } of some) expect(await countOf(content)).toBe(1);
  });

  it('leaves its key free where all of it was refused', async () => {
    const coder = await freshCoder();
    const nowhere = [input('of nothing', { derivedFrom: ['00000000-0000-7000-8000-000000000000'] })];
    expect(await send(coder, 'in vain', nowhere)).toEqual(['BAD_INPUT']);
    expect(outcomes(await send(coder, 'in vain', [input('of something')]))).toEqual(['CREATED of something']);
  });

  it('is in conflict with other inputs under its key, and with one of a single write', async () => {
    const coder = await freshCoder();
    const some = inputs('settled', 2);
    const first = await send(coder, 'settled', some);
    const conflict = ['CONFLICT', 'CONFLICT'];
    expect(await send(coder, 'settled', [...some].reverse())).toEqual(conflict);
    expect(await send(coder, 'settled', [...some, input('more')])).toEqual([...conflict, 'CONFLICT']);
    const single = { ...(some[0] as MemorizeInput), idempotencyKey: 'settled' };
    await expect(api.broker.memorize.memorize(coder, single)).rejects.toMatchObject({ code: 'CONFLICT' });
    await api.broker.memorize.memorize(coder, { ...input('by itself'), idempotencyKey: 'of one' });
    expect(await send(coder, 'of one', [input('by itself')])).toEqual(['CONFLICT']);
    expect(await countOf('more')).toBe(0);
    expect(await send(coder, 'settled', some)).toEqual(first);
  });

  it('has its key for itself: others may use the same', async () => {
    const [coder, other] = [await freshCoder(), await freshCoder()];
    await send(coder, 'same', inputs('of the one', 2));
    expect(outcomes(await send(other, 'same', inputs('of the other', 2)))).toEqual([
      'CREATED of the other 0',
      'CREATED of the other 1',
    ]);
  });

  it('has its key for a day', async () => {
    const coder = await freshCoder();
    await send(coder, 'daily', inputs('of that day', 2));
    const age = (key: string) =>
      api.broker.database.maintenance(
        `update idempotency set created_at = now() - interval '25 hours' where key = $1 and principal_id = $2`,
        [key, coder.id],
      );
    await age('daily');
    const next = await send(coder, 'daily', inputs('of the next', 2));
    expect(outcomes(next)).toEqual(['CREATED of the next 0', 'CREATED of the next 1']);
    expect(await send(coder, 'daily', inputs('of the next', 2))).toEqual(next);
    await age('daily');
    const single = await api.broker.memorize.memorize(coder, input('of one', { idempotencyKey: 'daily' }));
    expect(await send(coder, 'daily', inputs('of the next', 2))).toEqual(['CONFLICT', 'CONFLICT']);
    const again = await api.broker.memorize.memorize(coder, input('of one', { idempotencyKey: 'daily' }));
    expect(again.memory.id).toBe(single.memory.id);
  });

  it('takes no keys of its inputs beside it', async () => {
    const coder = await freshCoder();
    const both = [input('under none'), input('under two', { idempotencyKey: 'its own' })];
    await expect(send(coder, 'of all', both)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('inputs.1.idempotencyKey'),
    });
    await expect(send(coder, 'k'.repeat(201), inputs('too long'))).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await countOf('under none')).toBe(0);
  });

  it('does not bring back what was erased', async () => {
    const coder = await freshCoder();
    const some = inputs('to be erased', 3);
    const [first] = await send(coder, 'erased', some);
    await api.broker.erase.erase(coder, { id: (first as string).slice(-36) });
    expect(await send(coder, 'erased', some)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
    expect(await countOf('to be erased 0')).toBe(0);
  });
});

/** What one after the other would come to: an account of keys and contents, and nothing else. */
class Account {
  private readonly byKey = new Map<string, { said: string; answers: string[] }>();
  private readonly contents = new Set<string>();

  answersOf(key: string | null, sent: readonly MemorizeInput[]): string[] {
    const all = JSON.stringify(sent.map(({ content }) => content));
    const before = key === null ? undefined : this.byKey.get(key);
    if (before) return before.said === all ? before.answers : sent.map(() => 'CONFLICT');
    const answers = sent.map(({ content }) => {
      const answer = `${this.contents.has(content) ? 'DUPLICATE' : 'CREATED'} ${content}`;
      this.contents.add(content);
      return answer;
    });
    if (key !== null) this.byKey.set(key, { said: all, answers });
    return answers;
  }
}

describe('requests of whatever contents under whatever keys', () => {
  it('come to what they would come to one after the other', async () => {
    const { below } = randomNumbers(20_261_201);
    for (let round = 0; round < 12; round++) {
      const coder = await freshCoder();
      const account = new Account();
      const requests = Array.from({ length: 6 }, () =>
        Array.from({ length: 1 + below(4) }, () => input(`${round}: content ${below(14)}`)),
      );
      for (let nth = 0; nth < 12; nth++) {
        const sent = requests[below(requests.length)] as MemorizeInput[];
        const key = below(4) === 0 ? null : `key ${below(4)}`;
        expect(outcomes(await send(coder, key, sent))).toEqual(account.answersOf(key, sent));
        // So many units without a repeat, and none is expected any more.
        if (below(2) === 0)
          for (let more = 0; more < 17; more++) await send(coder, null, [input(`in between ${said++}`)]);
      }
    }
  });
});
