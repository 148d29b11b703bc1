import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FeedReader, type FeedEvent } from '../support/feed.js';
import { allMemories, memoriesByIds, recall, STATUSES, type ShownMemory } from '../support/memories.js';
import { Overheard } from '../support/overheard.js';
import { mayDo, POOLS, ROLE_OF, type Member } from '../support/team.js';
import { COMMON, sees, sentence, World, type Fact } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.make();
  for (const author of ['coder', 'annie', 'reviewer']) await world.derive(author);
  const changed = { planner: 'planner', coder: 'coder', tester: 'ben', annie: 'annie' };
  for (const [pool, author] of Object.entries(changed)) {
    await world.revise(world.fact(pool, author, 0));
    await world.forget(world.fact(pool, author, 1));
  }
}, 120_000);
afterAll(() => world.api.close());

const sorted = (ids: Iterable<string>): string[] => [...ids].sort();
const idsOf = (list: readonly { id: string }[]): string[] => sorted(list.map(({ id }) => id));
const everyone = ['admin', ...Object.keys(ROLE_OF)];

describe.each(everyone)('%s, under the default policy,', (name) => {
  let member: Member;
  let client: Overheard;
  let visible: Fact[];
  let active: Fact[];
  let hidden: Fact[];

  beforeAll(() => {
    member = world.member(name);
    client = new Overheard(world.api.url, member.client.key);
    visible = world.facts.filter((fact) => sees(member, fact));
    hidden = world.facts.filter((fact) => !sees(member, fact));
    active = visible.filter(({ status }) => status === 'ACTIVE');
  });

  function expectWhole(shown: readonly ShownMemory[]): void {
    for (const memory of shown) {
      const { status, word, before, pool, author, sources } = world.facts.find(({ id }) => id === memory.id) as Fact;
      const isForgotten = status === 'FORGOTTEN';
      const content = isForgotten ? null : sentence(word);
      expect(memory).toMatchObject({ status, content, maskedFields: [], pool: { key: world.team.keyOf(pool) } });
      expect(memory.author?.id).toBe(world.member(author).id);
      expect(idsOf(memory.derivedFrom)).toEqual(idsOf(sources.filter((source) => sees(member, source))));
      const versions = isForgotten ? [] : [word, ...before];
      expect(memory.history.map((one) => one.content)).toEqual(versions.map(sentence));
    }
  }

  it('reads by its id what the table gives, and nothing else', async () => {
    const ids = world.facts.map(({ id }) => id);
    const shown = (await memoriesByIds(client, ids)).filter((memory) => memory !== null);
    expect(idsOf(shown)).toEqual(idsOf(visible));
    expectWhole(shown);
  });

  it('lists what is active, with its count, over all pages', async () => {
    const { memories, totalCount } = await allMemories(client, {});
    expect(idsOf(memories)).toEqual(idsOf(active));
    expect(totalCount).toBe(active.length);
  });

  it('lists what has any other status where it may see it', async () => {
    for (const status of STATUSES) {
      const { memories, totalCount } = await allMemories(client, { statuses: [status] }, 50);
      const expected = visible.filter((fact) => fact.status === status);
      expect(idsOf(memories)).toEqual(idsOf(expected));
      expect(totalCount).toBe(expected.length);
      expectWhole(memories);
    }
  });

  it('lists any one pool; one in which it may do nothing is answered as one that is not there', async () => {
    const query = 'query ($filter: MemoryFilter) { memories(filter: $filter) { totalCount nodes { id } } }';
    const missing = await client.send(query, { filter: { pools: ['no-such-pool'] } });
    for (const pool of POOLS) {
      const key = world.team.keyOf(pool);
      const filter = { pools: [key], statuses: STATUSES };
      if (mayDo(member, pool).length > 0) {
        const { memories } = await allMemories(client, filter, 50);
        expect(idsOf(memories)).toEqual(idsOf(visible.filter((fact) => fact.pool === pool)));
      } else {
        const refusal = await client.send(query, { filter });
        expect(refusal.errors?.[0]?.extensions.code).toBe('BAD_INPUT');
        expect(JSON.stringify(refusal)).toBe(JSON.stringify(missing).replaceAll('no-such-pool', key));
      }
    }
  });

  it('recalls what is active, into hits and context alike, and names the pools that it searched', async () => {
    // The second time from kept terms.
    for (let time = 0; time < 2; time++) {
      const { hits, context, searchedPools } = await recall(client, COMMON);
      const inContext = world.facts.filter(({ word }) => context.split('\n').some((line) => line.endsWith(word)));
      expect(idsOf(hits.map(({ memory }) => memory))).toEqual(idsOf(active));
      expect(idsOf(inContext)).toEqual(idsOf(active));
      const readable = POOLS.filter((pool) => mayDo(member, pool).includes('READ'));
      expect(searchedPools).toEqual(sorted(readable.map((pool) => world.team.keyOf(pool))));
      await world.api.broker.terms.settled();
    }
  });

  it('recalls proposals only where it wrote them or reviews', async () => {
    const { hits } = await recall(client, COMMON, { filter: { statuses: ['PROPOSED'] } });
    const expected = visible.filter(({ status }) => status === 'PROPOSED');
    expect(idsOf(hits.map(({ memory }) => memory))).toEqual(idsOf(expected));
  });

  it('recalls by the words of what it sees, and nothing by those of what is hidden, forgotten or revised', async () => {
    const byOwnWords = await recall(client, ['about', ...active.map(({ word }) => word)].join(' '));
    expect(idsOf(byOwnWords.hits.map(({ memory }) => memory))).toEqual(idsOf(active));
    const gone = world.facts.filter(({ status }) => status === 'FORGOTTEN');
    const words = [...hidden, ...gone].map(({ word }) => word).concat(world.facts.flatMap(({ before }) => before));
    for (const statuses of [['ACTIVE'], STATUSES]) {
      const { hits, context } = await recall(client, words.join(' '), { filter: { statuses } });
      expect({ hits, context }).toEqual({ hits: [], context: '' });
    }
  });

  it('sees the pools in which it may do anything, what it may do there, and how many memories it may read', async () => {
    type Shown = { key: string; allowedActions: string[]; memoryCount: number };
    const { pools } = await client.ask<{ pools: Shown[] }>('{ pools { key allowedActions memoryCount } }');
    for (const pool of POOLS) {
      const key = world.team.keyOf(pool);
      const byKey = 'query ($key: String!) { pool(key: $key) { key allowedActions memoryCount } }';
      const { pool: one } = await client.ask<{ pool: Shown | null }>(byKey, { key });
      const allowedActions = mayDo(member, pool);
      const listed = pools.find((candidate) => candidate.key === key);
      expect(listed).toEqual(one ?? undefined);
      expect(sorted(one?.allowedActions ?? [])).toEqual(sorted(allowedActions));
      expect(one?.memoryCount ?? 0).toBe(active.filter((fact) => fact.pool === pool).length);
    }
    expect(pools).toHaveLength(POOLS.filter((pool) => mayDo(member, pool).length > 0).length);
  });

  it('was never told a word of what is hidden, in any answer or error', () => {
    const unspeakable = hidden.flatMap(({ word, before }) => [word, ...before]);
    const forgotten = world.facts.filter(({ status }) => status === 'FORGOTTEN').map(({ word }) => word);
    expect(client.heard).toContain('"data"');
    expect([...unspeakable, ...forgotten].filter((word) => client.heard.includes(word))).toEqual([]);
  });
});

describe('the feed, under the default policy,', () => {
  it('tells each subscriber what the table gives, and nothing else', async () => {
    const listeners = everyone.map((name) => world.member(name)).filter(({ role }) => role !== 'intern');
    const feeds = await Promise.all(listeners.map(({ client }) => FeedReader.fromNow(client)));
    const from = world.facts.length;
    for (const member of listeners) {
      for (const pool of POOLS) {
        const allowed = mayDo(member, pool);
        if (allowed.includes('WRITE')) await world.store(pool, member.name, 'ACTIVE');
        else if (allowed.includes('PROPOSE')) await world.store(pool, member.name, 'PROPOSED');
      }
    }
    const last = await world.store('shared', 'planner', 'ACTIVE');
    const written = world.facts.slice(from);
    for (const [place, feed] of feeds.entries()) {
      const events = await feed.until((event) => event.memoryId === last.id);
      const expected = written.filter((fact) => sees(listeners[place] as Member, fact));
      expect(events.map(asTold)).toEqual(expected.map(asExpected));
      await feed.close();
    }
  });

  it('is refused to whom no pool is open', async () => {
    const feed = FeedReader.open(world.member('intern').client);
    expect(await feed.failure()).toMatchObject({ extensions: { code: 'ACCESS_REVOKED' } });
    expect(feed.events).toEqual([]);
    await feed.close();
  });

  const asTold = ({ kind, memoryId, poolKey, memory }: FeedEvent) => {
    return { kind, id: memoryId, poolKey, content: memory?.content, pool: memory?.pool.key };
  };
  const asExpected = ({ id, pool, status, word }: Fact) => {
    const kind = status === 'PROPOSED' ? 'PROPOSED' : 'MEMORIZED';
    const key = world.team.keyOf(pool);
    return { kind, id, poolKey: key, content: sentence(word), pool: key };
  };
});
