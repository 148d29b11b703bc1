import type { AccessService, ReadFilter } from '#access';
import { Clock } from '#kernel';
import type { Unit } from '#platform';
import { describe, expect, it } from '@jest/globals';
import { UsageCounter } from './usage-counter.js';

/** Stands in for the gate: adds up what is written, and fails when told to. */
class Counted {
  readonly counts = new Map<string, number>();
  statements = 0;
  failing = false;
  readonly errors: unknown[] = [];
  readonly counter: UsageCounter;

  constructor() {
    const unit = {
      query: ({ values }: { values: [string, string[], number[]] }) => {
        const [, ids, counts] = values;
        ids.forEach((id, place) => this.counts.set(id, (this.counts.get(id) ?? 0) + (counts[place] as number)));
        return Promise.resolve([{ counted: ids.length }]);
      },
    } as unknown as Unit;
    const access = {
      orgId: 'org',
      system: (_: string, work: (unit: Unit, filter: ReadFilter) => Promise<unknown>) => {
        this.statements++;
        return this.failing ? Promise.reject(new Error('no database')) : work(unit, undefined as never);
      },
    } as unknown as AccessService;
    this.counter = new UsageCounter(access, new Clock(), (error) => this.errors.push(error));
  }

  get sum(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, place) => `m${from + place}`);

describe('the counter of recalls', () => {
  it('writes nothing while it notes, and then all in one statement', async () => {
    const counted = new Counted();
    for (let i = 0; i < 50; i++) counted.counter.note(ids(0, 10));
    expect(counted.statements).toBe(0);
    await counted.counter.stop();
    expect(counted.statements).toBe(1);
    expect([...counted.counts]).toEqual(ids(0, 10).map((id) => [id, 50]));
  });

  it('asks the database nothing when there is nothing to count', async () => {
    const counted = new Counted();
    await counted.counter.flush();
    await counted.counter.stop();
    expect(counted.statements).toBe(0);
  });

  it('keeps what could not be written, and counts it once', async () => {
    const counted = new Counted();
    counted.counter.note(ids(0, 3));
    counted.failing = true;
    await counted.counter.flush();
    counted.counter.note(ids(2, 5));
    await counted.counter.flush();
    expect(counted.errors.length).toBe(2);
    counted.failing = false;
    await counted.counter.stop();
    expect(Object.fromEntries(counted.counts)).toEqual({ m0: 1, m1: 1, m2: 2, m3: 1, m4: 1 });
  });

  it('is bounded: beyond 20,000 memories it drops new ones, and says how many recalls that were', async () => {
    const counted = new Counted();
    counted.failing = true;
    counted.counter.note(ids(0, 20_500));
    counted.counter.note(ids(0, 10));
    await counted.counter.flush();
    expect(String(counted.errors[0])).toContain('500 recalls were not counted');
    counted.failing = false;
    await counted.counter.stop();
    expect(counted.sum).toBe(20_010);
    expect(counted.statements).toBe(1 + 10);
  });

  it('writes nothing twice when it is flushed again and again at once', async () => {
    const counted = new Counted();
    counted.counter.note(ids(0, 5));
    await Promise.all([counted.counter.flush(), counted.counter.flush(), counted.counter.stop()]);
    expect(counted.sum).toBe(5);
  });
});
