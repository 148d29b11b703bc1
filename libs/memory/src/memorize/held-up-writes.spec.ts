import type { Principal } from '#access';
import { describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { caller, itemOf, outcomeOf, outcomes, SlowStore } from '../../../../test/support/slow-store.js';
import type { Item, Manner } from './batch.js';

describe('single writes, where something holds them up,', () => {
  const one = caller('one');

  it('do not wait for one that is held up, but for those to its pool, and for more than four', async () => {
    const store = new SlowStore(0);
    const ended: string[] = [];
    const all: Promise<unknown>[] = [];
    for (const [content, pool] of ['a1', 'b1', 'a2', 'c1', 'd1', 'e1', 'f1', 'b2'].map((name) => [name, name[0]])) {
      all.push(store.writes.write(one, itemOf(content as string, pool)).then(() => ended.push(content as string)));
      await pause(20);
    }
    expect(store.batches).toEqual([['a1'], ['b1'], ['c1'], ['d1']]);
    store.letGo(1);
    await pause(20);
    expect(ended).toEqual(['b1']);
    expect(store.batches.at(-1)).toEqual(['e1', 'f1', 'b2']);
    store.letGo(0);
    await pause(20);
    expect(store.batches.at(-1)).toEqual(['a2']);
    for (let left = 0; left < 4; left++) store.letGo(0);
    await Promise.all(all);
    expect(store.batches).toHaveLength(6);
  });

  it('go on together when what was held up has ended', async () => {
    const store = new SlowStore(20);
    const held = store.writes.write(one, itemOf('a', 'elsewhere'));
    await pause(60);
    const all = ['b', 'c', 'd'].map((content) => store.writes.write(one, itemOf(content)));
    expect(store.batches).toEqual([['a'], ['b']]);
    store.letGo(0);
    await held;
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.batches).toEqual([['a'], ['b']]);
    await store.letAllGo();
    await Promise.all(all);
    expect(store.batches).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('are tried again by pool where Postgres gave them up together for what others hold', async () => {
    const store = new SlowStore();
    const all: [Principal, Item][] = [
      [one, itemOf('a')],
      [one, itemOf('b')],
      [one, itemOf('locked', 'other')],
      [one, itemOf('c')],
      [one, itemOf('behind', 'other')],
    ];
    expect(await outcomes(store, all)).toEqual(['done', 'done', 'gave up', 'done', 'gave up']);
    expect(store.batches).toEqual([['a'], ['b', 'locked', 'c', 'behind'], ['b', 'c'], ['locked', 'behind']]);
  });

  it('are told, and let others go on, as soon as their own pool is through', async () => {
    const store = new SlowStore(0);
    const ended: string[] = [];
    const write = (content: string, pool: string | null) =>
      store.writes.write(one, itemOf(content, pool)).then(() => void ended.push(content));
    const all = [write('a', 'elsewhere'), write('b', null), write('locked', 'other')];
    store.letGo(0);
    await pause(20);
    store.letGo(0);
    await pause(20);
    expect(store.batches).toEqual([['a'], ['b', 'locked'], ['b'], ['locked']]);
    store.letGo(0);
    await pause(20);
    expect(ended).toEqual(['a', 'b']);
    all.push(write('c', 'coder'), write('behind', 'other'));
    await pause(20);
    expect(store.batches.slice(4)).toEqual([['c']]);
    await store.letAllGo();
    await Promise.all(all);
    expect(store.batches.slice(5)).toEqual([['behind']]);
  });

  it('are not tried again where the connection was lost', async () => {
    const store = new SlowStore();
    const all: [Principal, Item][] = [
      [one, itemOf('a')],
      [one, itemOf('b')],
      [one, itemOf('lost', 'other')],
    ];
    expect(await outcomes(store, all)).toEqual(['done', 'gave up', 'gave up']);
    expect(store.batches).toHaveLength(2);
  });

  it('are not sent behind what is held up, and do not wait for what was', async () => {
    const store = new SlowStore(400);
    store.pipelined = true;
    const pipelines = new Set<unknown>();
    store.onStore = ({ waits }) => void pipelines.add(waits?.pipeline);
    const all = [store.writes.write(one, itemOf('a', 'x'))];
    await pause(300);
    all.push(store.writes.write(one, itemOf('b', 'y')));
    await pause(0);
    expect([store.batches.length, pipelines.size]).toEqual([2, 1]);
    await pause(200);
    all.push(store.writes.write(one, itemOf('c', 'z')));
    await pause(0);
    expect(store.batches).toEqual([['a'], ['b'], ['c']]);
    expect(pipelines.size).toBe(2);
    await store.letAllGo();
    await Promise.all(all);
  });

  it('and that were sent behind one another do not all wait for one lock', async () => {
    const store = new SlowStore(20);
    store.pipelined = true;
    const write = (content: string, pool: string) => outcomeOf(store, one, itemOf(content, pool));
    const [first, second] = [write('in use', 'x'), pause(0).then(() => write('in use too', 'x'))];
    await pause(60);
    const free = [write('free', 'y')];
    await pause(0);
    expect(store.batches).toEqual([['in use'], ['in use too'], ['free']]);
    for (let nth = 0; nth < 3; nth++) store.letGo(0);
    await pause(0);
    // The first waits for the lock now, and the second for the first.
    expect(store.batches.slice(3)).toEqual([['in use']]);
    free.push(write('free as well', 'y'));
    await pause(0);
    expect(store.batches.slice(4)).toEqual([['free as well']]);
    store.letGo(0);
    expect(await first).toBe('gave up');
    await pause(0);
    expect(store.batches.slice(5)).toEqual([['in use too']]);
    await store.letAllGo();
    expect(await Promise.all([second, ...free])).toEqual(['gave up', 'done', 'done']);
  });

  it('that did not wait for a lock are stored again, once, by a unit that does', async () => {
    const store = new SlowStore();
    const manners: Manner[] = [];
    store.onStore = (manner) => void manners.push(manner);
    const told = await outcomes(store, [[one, itemOf('in use')]]);
    expect(told).toEqual(['gave up']);
    expect(store.batches).toEqual([['in use'], ['in use']]);
    const pipeline = expect.anything();
    expect(manners).toEqual([
      { repeats: 'left', waits: { pipeline, lockTimeoutMs: 2 ** 31 - 1 } },
      { repeats: 'left' },
    ]);
    const lost = new SlowStore();
    expect(await outcomes(lost, [[one, itemOf('locked')]])).toEqual(['gave up']);
    expect(lost.batches).toEqual([['locked']]);
  });
});
