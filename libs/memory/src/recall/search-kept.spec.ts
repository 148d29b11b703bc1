import { describe, expect, it } from '@jest/globals';
import { searchKept } from './search-kept.js';
import type { Texts } from './texts.js';

const textsOf = (name: string) => ({ name }) as unknown as Texts;
const lastSeen = textsOf('last seen');
const nameOf = (texts?: Texts) => (texts as { name: string } | undefined)?.name ?? 'database';

interface Deferred<Value> {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
}
function deferred<Value>(): Deferred<Value> {
  let [resolve, reject]: [Deferred<Value>['resolve'], Deferred<Value>['reject']] = [() => undefined, () => undefined];
  const promise = new Promise<Value>((done, failed) => ([resolve, reject] = [done, failed]));
  return { promise, resolve, reject };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A search of what was last seen that ends when the test says so; of anything else at once. */
function searching() {
  const current = deferred<Texts | undefined>();
  const early = deferred<{ of: string }>();
  const searched: string[] = [];
  let outcome = 'waiting';
  const search = (texts?: Texts) => {
    searched.push(nameOf(texts));
    return texts === lastSeen ? early.promise : Promise.resolve({ of: nameOf(texts) });
  };
  searchKept({ lastSeen, current: current.promise }, search).then(
    ({ of }) => (outcome = `found in ${of}`),
    (error: Error) => (outcome = error.message),
  );
  return { current, early, searched, outcome: () => outcome };
}

describe('a search of what is kept', () => {
  it('begins when what it asks for can be sent, and answers at once where nothing was written', async () => {
    const { current, early, searched, outcome } = searching();
    expect(searched).toEqual([]);
    await Promise.resolve();
    expect(searched).toEqual(['last seen']);
    early.resolve({ of: 'last seen' });
    await settled();
    expect(outcome()).toBe('waiting');
    current.resolve(lastSeen);
    await settled();
    expect([outcome(), ...searched]).toEqual(['found in last seen', 'last seen']);
  });

  it.each([
    ['what was written since', textsOf('renewed'), 'renewed'],
    ['the database where too much was', undefined, 'database'],
  ])('is begun anew, before the first has ended, in %s', async (_, texts, of) => {
    const { current, early, searched, outcome } = searching();
    current.resolve(texts);
    await settled();
    expect([outcome(), ...searched]).toEqual(['waiting', 'last seen', of]);
    early.resolve({ of: 'last seen' });
    await settled();
    expect(outcome()).toBe(`found in ${of}`);
  });

  it('fails when all that it sent has ended, with what came first', async () => {
    const { current, early, outcome } = searching();
    current.reject(new Error('no changes read'));
    await settled();
    expect(outcome()).toBe('waiting');
    early.reject(new Error('refused behind it'));
    await settled();
    expect(outcome()).toBe('no changes read');
  });

  it('fails where only the reading of hits does', async () => {
    const { current, early, outcome } = searching();
    current.resolve(lastSeen);
    early.reject(new Error('no hits read'));
    await settled();
    expect(outcome()).toBe('no hits read');
  });

  it('waits for what was written where that changes often, and asks the database where nothing is kept', async () => {
    const search = (texts?: Texts) => Promise.resolve({ of: nameOf(texts) });
    const current = Promise.resolve(textsOf('renewed'));
    expect(await searchKept({ lastSeen: undefined, current }, search)).toEqual({ of: 'renewed' });
    expect(await searchKept(undefined, search)).toEqual({ of: 'database' });
  });
});
