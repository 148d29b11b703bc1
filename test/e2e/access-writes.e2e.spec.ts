import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#kernel';
import type { Answer } from '../support/api.js';
import { countMemories, MEMORIZE } from '../support/memories.js';
import { mayDo, POOLS, ROLE_OF, type Member } from '../support/team.js';
import { FORGET, REVISE, sees, sentence, World, type Fact } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.make();
}, 120_000);
afterAll(() => world.api.close());

const codeOf = (answer: Answer): string | undefined => answer.errors?.[0]?.extensions.code;
const everyone = ['admin', ...Object.keys(ROLE_OF)];

/** What the table makes of a memory that a member sends to a pool. */
function outcomeOf(member: Member, pool: string): string {
  const allowed = mayDo(member, pool);
  if (allowed.includes('WRITE')) return 'CREATED';
  if (allowed.includes('PROPOSE')) return 'PROPOSED';
  return allowed.length > 0 ? 'FORBIDDEN' : 'BAD_INPUT';
}

/** What the table says of a change; proposals that wait may be changed by their author. */
function changeOf(member: Member, fact: Fact, action: 'REVISE' | 'FORGET'): string {
  if (!sees(member, fact)) return 'NOT_FOUND';
  const isOwnProposal = fact.status === 'PROPOSED' && fact.author === member.name;
  return isOwnProposal || mayDo(member, fact.pool).includes(action) ? 'DONE' : 'FORBIDDEN';
}

describe.each(everyone)('%s, under the default policy,', (name) => {
  let member: Member;
  beforeAll(() => {
    member = world.member(name);
  });

  it.each(POOLS)('memorizes in the pool of %s as the table says', async (pool) => {
    const before = await countMemories(world.api);
    const expected = outcomeOf(member, pool);
    const content = `A note of ${name} for ${pool}`;
    const input = { content, type: 'EPISODIC', pool: world.team.keyOf(pool) };
    const answer = await member.client.send(MEMORIZE, { input });
    const outcome = (answer.data as { memorize: { outcome: string } } | null)?.memorize.outcome;
    expect(outcome ?? codeOf(answer)).toBe(expected);
    expect(await countMemories(world.api)).toBe(before + (outcome ? 1 : 0));
    const many =
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { outcome } failures { index code message } } }';
    type Many = { memorizeMany: { results: { outcome: string }[]; failures: { code: string; message: string }[] } };
    const inputs = [{ ...input, content: `${content}, again` }];
    const { results, failures } = (await member.client.ask<Many>(many, { inputs })).memorizeMany;
    expect(results[0]?.outcome ?? failures[0]?.code).toBe(expected);
    expect(failures[0]?.message).toBe(answer.errors?.[0]?.message.replace('input.', 'inputs.0.'));
  });

  it('is told of a pool that is not for it in the very words of one that is not there', async () => {
    const wordsFor = async (pool: string) => {
      const input = { content: 'Is anybody there?', type: 'EPISODIC', pool };
      return JSON.stringify(await member.client.send(MEMORIZE, { input })).replaceAll(pool, 'THAT');
    };
    const hidden = POOLS.filter((pool) => mayDo(member, pool).length === 0).map(world.team.keyOf);
    for (const key of [...hidden, `agent:${newId()}`]) expect(await wordsFor(key)).toBe(await wordsFor('no-such-pool'));
  });

  it('revises what the table lets it, and hears of the rest as of what is not there', async () => {
    const missing = await member.client.send(REVISE, {
      input: { id: newId(), expectedVersion: 1, importance: 'HIGH' },
    });
    expect(codeOf(missing)).toBe('NOT_FOUND');
    for (const fact of world.facts) {
      // No version is 7: what may be revised answers CONFLICT, and stays as it is for the others.
      const answer = await member.client.send(REVISE, {
        input: { id: fact.id, expectedVersion: 7, importance: 'HIGH' },
      });
      const expected = changeOf(member, fact, 'REVISE');
      expect([fact.word, codeOf(answer)]).toEqual([fact.word, expected === 'DONE' ? 'CONFLICT' : expected]);
      if (expected === 'NOT_FOUND') expect(answer).toEqual(missing);
    }
  });

  it('may not forget what the table does not let it, and hears of the hidden as of what is not there', async () => {
    const missing = await member.client.send(FORGET, { id: newId() });
    expect(codeOf(missing)).toBe('NOT_FOUND');
    for (const fact of world.facts) {
      const expected = changeOf(member, fact, 'FORGET');
      if (expected === 'DONE') continue;
      const answer = await member.client.send(FORGET, { id: fact.id });
      expect([fact.word, codeOf(answer)]).toEqual([fact.word, expected]);
      if (expected === 'NOT_FOUND') expect(answer).toEqual(missing);
    }
  });

  it('revises and forgets what it wrote where the table lets it', async () => {
    const own = world.facts.filter(({ author }) => author === name);
    for (const fact of own.filter((one) => changeOf(member, one, 'REVISE') === 'DONE')) {
      const input = { id: fact.id, expectedVersion: 1, content: sentence(`${fact.word}anew`) };
      expect(await member.client.ask(REVISE, { input })).toEqual({ revise: { id: fact.id, version: 2 } });
    }
    for (const fact of own.filter((one) => changeOf(member, one, 'FORGET') === 'DONE')) {
      expect(await member.client.ask(FORGET, { id: fact.id })).toEqual({ forget: { id: fact.id } });
      world.facts.splice(world.facts.indexOf(fact), 1);
    }
  });

  it('names as a source only what it sees', async () => {
    const pool = POOLS.find((one) => ['CREATED', 'PROPOSED'].includes(outcomeOf(member, one)));
    if (!pool) {
      expect(['admin', 'intern']).toContain(name);
      return;
    }
    const input = { type: 'EPISODIC', pool: world.team.keyOf(pool) };
    const sent = (id: string, content: string) =>
      member.client.send(MEMORIZE, { input: { ...input, content, derivedFrom: [id] } });
    const missing = await sent(newId(), 'From nothing');
    expect(codeOf(missing)).toBe('BAD_INPUT');
    for (const fact of world.facts.filter((one) => !sees(member, one))) {
      expect(await sent(fact.id, `From ${fact.id}`)).toEqual(missing);
    }
    for (const fact of world.facts.filter((one) => sees(member, one)).slice(0, 3)) {
      expect(codeOf(await sent(fact.id, `From ${fact.id}`))).toBeUndefined();
    }
  });
});
