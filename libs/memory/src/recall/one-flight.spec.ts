import type { Unit } from '#platform';
import { describe, expect, it } from '@jest/globals';
import { MoreToAsk, searchLastSeen, type Asking } from './one-flight.js';
import type { Texts } from './texts.js';

const textsOf = (name: string) => ({ name }) as unknown as Texts;
const lastSeen = textsOf('last seen');

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
/** What was sent as the last of the unit. */
const sent: string[] = [];
const queryLast = ({ text }: { text: string }) => {
  sent.push(text);
  return Promise.resolve([]);
};
const unit = { queryLast } as unknown as Unit;

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A search of what was last seen that ends when the test says so. */
function searching() {
  const current = deferred<Texts | undefined>();
  const early = deferred<string>();
  const searched: Texts[] = [];
  let outcome: unknown = 'waiting';
  let asking: Asking | undefined;
  const search = (texts: Texts, asks: Asking) => {
    searched.push(texts);
    asking = asks;
    return early.promise;
  };
  searchLastSeen(unit, { lastSeen, current: current.promise }, search).then(
    (found) => (outcome = found),
    (error: Error) => (outcome = error),
  );
  return { current, early, searched, outcome: () => outcome, asking: () => asking as Asking };
}

describe('a search of what was last seen', () => {
  it('begins when what it asks for can be sent, and answers when nothing was written', async () => {
    const { current, early, searched, outcome } = searching();
    expect(searched).toEqual([]);
    await Promise.resolve();
    expect(searched).toEqual([lastSeen]);
    early.resolve('found');
    await settled();
    expect(outcome()).toBe('waiting');
    current.resolve(lastSeen);
    await settled();
    expect(outcome()).toBe('found');
  });

  it.each([
    ['something was written since', textsOf('renewed')],
    ['too much was', undefined],
  ])('is to be made anew where %s, when all that it sent has ended', async (_, texts) => {
    const { current, early, searched, outcome } = searching();
    current.resolve(texts);
    await settled();
    expect(outcome()).toBe('waiting');
    early.resolve('found');
    await settled();
    expect(outcome()).toBeInstanceOf(MoreToAsk);
    expect(searched).toEqual([lastSeen]);
  });

  it('fails when all that it sent has ended, with what came first', async () => {
    const { current, early, outcome } = searching();
    current.reject(new Error('no changes read'));
    await settled();
    expect(outcome()).toBe('waiting');
    early.reject(new Error('refused behind it'));
    await settled();
    expect(outcome()).toEqual(new Error('no changes read'));
  });

  it('fails where only the reading of hits does', async () => {
    const { current, early, outcome } = searching();
    current.resolve(lastSeen);
    early.reject(new Error('no hits read'));
    await settled();
    expect(outcome()).toEqual(new Error('no hits read'));
  });
});

describe('what it asks for', () => {
  it('goes once, as the last of the unit', async () => {
    sent.length = 0;
    const { asking } = searching();
    await settled();
    await asking().query({ text: 'hits' });
    await expect(asking().query({ text: 'more hits' })).rejects.toThrow(MoreToAsk);
    expect(sent).toEqual(['hits']);
  });

  it('is not sent any more where all is to be asked again', async () => {
    sent.length = 0;
    const { current, asking } = searching();
    current.resolve(textsOf('renewed'));
    await settled();
    await expect(asking().query({ text: 'hits' })).rejects.toThrow(MoreToAsk);
    expect(sent).toEqual([]);
  });
});
