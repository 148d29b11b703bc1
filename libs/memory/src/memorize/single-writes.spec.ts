import type { Principal } from '#access';
import { describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { caller, itemOf, outcomes, SlowStore } from '../../../../test/support/slow-store.js';
import type { Item } from './batch.js';

describe('single writes', () => {
  const one = caller('one');

  it('that come while one is under way are stored together, in their order', async () => {
    const store = new SlowStore();
    const all = ['a', 'b', 'c', 'd'].map((content): [Principal, Item] => [one, itemOf(content)]);
    expect(await outcomes(store, all)).toEqual(['done', 'done', 'done', 'done']);
    expect(store.batches).toEqual([['a'], ['b', 'c', 'd']]);
    expect(await outcomes(store, [[one, itemOf('e')]])).toEqual(['done']);
    expect(store.batches.at(-1)).toEqual(['e']);
  });

  it('of other callers and with other keys are stored apart, and to other pools together', async () => {
    const store = new SlowStore();
    await outcomes(store, [
      [one, itemOf('a')],
      [caller('two'), itemOf('b')],
      [caller('one', 'another key'), itemOf('c')],
      [one, itemOf('d', 'shared')],
      [one, itemOf('e', 'reviewer')],
    ]);
    expect(store.batches).toEqual([['a'], ['b'], ['c'], ['d', 'e']]);
  });

  it('of the same content come behind each other, and of the same content about another entity or to another pool do not', async () => {
    const store = new SlowStore();
    const about = (entityId: string) => itemOf('b', 'coder', { entityId });
    const all = [itemOf('a'), itemOf('b'), about('x'), itemOf('b', 'other'), itemOf('b'), itemOf('c')];
    await outcomes(
      store,
      all.map((item) => [one, item]),
    );
    expect(store.batches).toEqual([['a'], ['b', 'b', 'b'], ['b', 'c']]);
  });

  it('under one key come behind each other, whatever they say', async () => {
    const store = new SlowStore();
    const under = (idempotencyKey: string, content: string) => itemOf(content, 'coder', { idempotencyKey });
    const all = [itemOf('a'), under('k', 'b'), under('l', 'c'), under('k', 'd'), itemOf('e')];
    await outcomes(
      store,
      all.map((item) => [one, item]),
    );
    expect(store.batches).toEqual([['a'], ['b', 'c'], ['d', 'e']]);
  });

  it('to a pool that is not named may be equal to any', async () => {
    const store = new SlowStore();
    const unnamed = () => itemOf('b', null);
    const all = [itemOf('a'), itemOf('b', 'x'), unnamed(), itemOf('b', 'y'), unnamed()];
    await outcomes(
      store,
      all.map((item) => [one, item]),
    );
    expect(store.batches).toEqual([['a'], ['b'], ['b'], ['b'], ['b']]);
  });

  it('are as many at once as one statement takes', async () => {
    const store = new SlowStore();
    const many = Array.from({ length: 102 }, (_, nth) => itemOf(`number ${nth}`));
    const large = Array.from({ length: 40 }, (_, nth) => itemOf(`large ${nth} ${'x'.repeat(32_000)}`));
    const ended = await outcomes(
      store,
      [...many, ...large].map((item) => [one, item]),
    );
    expect(new Set(ended)).toEqual(new Set(['done']));
    expect(store.batches.map((batch) => batch.length)).toEqual([1, 100, 33, 8]);
  });

  it('fail alone where one of them is refused by the policy or by Postgres', async () => {
    const store = new SlowStore();
    const all = ['a', 'b', 'forbidden', 'poison', 'c'].map((content): [Principal, Item] => [one, itemOf(content)]);
    expect(await outcomes(store, all)).toEqual(['done', 'done', 'not you', 'refused', 'done']);
    expect(store.batches.slice(2)).toEqual([['b'], ['forbidden'], ['poison'], ['c']]);
  });

  it('that repeat what stands are stored behind the others, which are told before, and whose pools are free', async () => {
    const store = new SlowStore(0);
    const ended: string[] = [];
    const write = (content: string, pool: string) =>
      store.writes.write(one, itemOf(content, pool)).then(() => void ended.push(content));
    const all = [write('a', 'x'), write('repeat b', 'y'), write('c', 'x')];
    for (let unit = 0; unit < 2; unit++) {
      store.letGo(0);
      await pause(20);
    }
    expect(store.batches).toEqual([['a'], ['repeat b', 'c'], ['repeat b']]);
    expect(ended).toEqual(['a', 'c']);
    all.push(write('d', 'x'), write('e', 'y'));
    await pause(20);
    expect(store.batches.slice(3)).toEqual([['d']]);
    await store.letAllGo();
    await Promise.all(all);
    expect(store.batches.slice(4)).toEqual([['e']]);
  });

  it('that repeat what stands fail alone', async () => {
    const store = new SlowStore();
    const all = ['a', 'b', 'repeat c', 'repeat d'].map((content): [Principal, Item] => [one, itemOf(content)]);
    const ended = outcomes(store, all);
    expect(await ended).toEqual(['done', 'done', 'done', 'done']);
    expect(store.batches).toEqual([['a'], ['b', 'repeat c', 'repeat d'], ['repeat c', 'repeat d']]);
    const failing = new SlowStore();
    failing.failRepeats = true;
    expect(await outcomes(failing, all)).toEqual(['done', 'done', 'a fault of ours', 'a fault of ours']);
  });

  it('that wait are sent before those are told that were under way', async () => {
    const store = new SlowStore();
    const sentWhenTold: number[] = [];
    const all = ['a', 'b', 'c'].map((content) =>
      store.writes.write(one, itemOf(content)).then(() => sentWhenTold.push(store.batches.length)),
    );
    await store.letAllGo();
    await Promise.all(all);
    expect(sentWhenTold).toEqual([2, 2, 2]);
  });

  it('are sent behind those under way as soon as they are as many, and no third behind both', async () => {
    const store = new SlowStore();
    store.pipelined = true;
    const all = ['a', 'b', 'c', 'd', 'e'].map((content) => store.writes.write(one, itemOf(content)));
    await pause(0);
    all.push(store.writes.write(one, itemOf('f')));
    await pause(0);
    expect(store.batches).toEqual([['a'], ['b', 'c', 'd', 'e', 'f']]);
    all.push(store.writes.write(one, itemOf('g')));
    store.letGo(0);
    await pause(0);
    all.push(store.writes.write(one, itemOf('h')));
    await pause(0);
    expect(store.batches).toHaveLength(2);
    for (const content of ['i', 'j', 'k']) all.push(store.writes.write(one, itemOf(content)));
    await pause(0);
    expect(store.batches.at(-1)).toEqual(['g', 'h', 'i', 'j', 'k']);
    await store.letAllGo();
    await Promise.all(all);
  });

  it('are not sent behind others where more than a statement is to be done for them', async () => {
    const store = new SlowStore();
    store.pipelined = true;
    const all = [
      itemOf('a'),
      { ...itemOf('b'), command: { ...itemOf('b').command, idempotencyKey: 'k' } },
      itemOf('c'),
    ];
    for (const item of all) {
      void store.writes.write(one, item);
      await pause(0);
    }
    expect(store.batches).toEqual([['a']]);
    await store.letAllGo();
    expect(store.batches).toEqual([['a'], ['b', 'c']]);
  });

  it.each([
    ['fault', 'a fault of ours'],
    ['unreachable', 'no route'],
  ])('all fail, and are not tried again, where nobody can say what was stored: %s', async (cause, told) => {
    const store = new SlowStore();
    const all = ['a', 'b', cause, 'c'].map((content): [Principal, Item] => [one, itemOf(content)]);
    expect(await outcomes(store, all)).toEqual(['done', ...Array<string>(3).fill(told)]);
    expect(store.batches).toEqual([['a'], ['b', cause, 'c']]);
  });

  it('go on behind a first one that failed', async () => {
    const store = new SlowStore();
    const all = ['fault', 'b', 'c'].map((content): [Principal, Item] => [one, itemOf(content)]);
    expect(await outcomes(store, all)).toEqual(['a fault of ours', 'done', 'done']);
  });
});
