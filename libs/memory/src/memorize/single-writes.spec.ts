import type { Principal } from '#access';
import { describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { Clock, CommonplaceError } from '#kernel';
import type { Memorized } from '../memory.js';
import type { Item, Repeats } from './batch.js';
import { parseMemorize } from './memorize-command.js';
import { SingleWrites } from './single-writes.js';

const caller = (id: string, keyId = 'key'): Principal => ({
  ...{ orgId: 'org', id, keyId, kind: 'AGENT', name: 'an agent', role: 'coder', tokenExpiresAt: null },
});

function itemOf(content: string, pool: string | null = 'coder', more: { entityId?: string } = {}): Item {
  const command = parseMemorize({ content, pool, type: 'DECLARATIVE', ...more }, 'input', new Clock());
  return { index: 0, command, vectors: [], status: 'ACTIVE' };
}

/** Contents with which the whole unit is given up. */
const GIVEN_UP_WITH: Record<string, string> = { locked: '57014', lost: '08006' };
/** The longest that a timer takes. */
const WITHOUT_END = 2 ** 31 - 1;

/** A store whose writes end when they are let go, in which some contents fail. */
class SlowStore {
  readonly batches: string[][] = [];
  readonly writes: SingleWrites;
  failRepeats = false;
  private readonly ends: (() => void)[] = [];

  constructor(patienceMs = WITHOUT_END) {
    this.writes = new SingleWrites((_, items, repeats) => this.store(items, repeats), patienceMs);
  }

  private async store(items: Item[], repeats: Repeats): Promise<void> {
    this.batches.push(items.map(({ command }) => command.content.slice(0, 20)));
    await new Promise<void>((resolve) => this.ends.push(resolve));
    if (repeats === 'stored' && this.failRepeats) throw new Error('a fault of ours');
    for (const { command } of items) {
      if (command.content === 'poison') throw Object.assign(new Error('refused'), { code: '22021', severity: 'ERROR' });
      if (command.content === 'fault') throw new Error('a fault of ours');
      if (command.content === 'unreachable') throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
    }
    const state = GIVEN_UP_WITH[items.find(({ command }) => command.content in GIVEN_UP_WITH)?.command.content ?? ''];
    const cause = Object.assign(new Error(), { code: state, severity: 'ERROR' });
    const error = new CommonplaceError('UNAVAILABLE', 'gave up', {}, { cause });
    for (const item of items) {
      item.error = state ? error : undefined;
      const isStored = repeats === 'stored' || !item.command.content.startsWith('repeat');
      item.result = !item.error && isStored ? ({} as Memorized) : undefined;
      if (item.command.content === 'forbidden') item.error = new CommonplaceError('FORBIDDEN', 'not you');
    }
  }

  letGo(nth: number): void {
    this.ends.splice(nth, 1)[0]?.();
  }

  async letAllGo(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.ends.length > 0) quiet = 0;
      this.ends.shift()?.();
    }
  }
}

/** @returns how each write ended: its error's message, or done */
async function outcomes(store: SlowStore, writes: [Principal, Item][]): Promise<string[]> {
  const pending = writes.map(([who, item]) =>
    store.writes.write(who, item).then(
      () => item.error?.message ?? 'done',
      (error: Error) => error.message,
    ),
  );
  await store.letAllGo();
  return Promise.all(pending);
}

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
