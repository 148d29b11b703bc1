import { IMPORTANCES, MEMORY_TYPES } from '#access';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { boostsOf, DEFAULT_WEIGHTS, spreadOf, sumOf, type Boostable } from './boosts.js';

const NOW = new Date('2026-06-01T00:00:00Z');
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);
const plain: Boostable = {
  type: 'EPISODIC',
  importance: 'MEDIUM',
  validFrom: null,
  createdAt: daysAgo(0),
  recallCount: 0,
  lastRecalledAt: null,
};
const boosts = (changes: Partial<Boostable>, isPast = false, weights = DEFAULT_WEIGHTS) =>
  boostsOf({ ...plain, ...changes }, { now: NOW, isPast, weights });

const weight = fc.double({ min: 0, max: 0.5, noNaN: true });
const weightsOf = fc.record({ importance: weight, recency: weight, usage: weight });
const moment = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-01-01T00:00:00Z'),
  noInvalidDate: true,
});
const memory: fc.Arbitrary<Boostable> = fc.record({
  type: fc.constantFrom(...MEMORY_TYPES),
  importance: fc.constantFrom(...IMPORTANCES),
  validFrom: fc.option(moment),
  createdAt: moment,
  recallCount: fc.nat(2_147_483_647),
  lastRecalledAt: fc.option(moment),
});

describe('importance', () => {
  it('lifts HIGH, lowers LOW as much, and leaves MEDIUM alone', () => {
    expect(boosts({ importance: 'HIGH' }).importanceBoost).toBe(DEFAULT_WEIGHTS.importance);
    expect(boosts({ importance: 'LOW' }).importanceBoost).toBe(-DEFAULT_WEIGHTS.importance);
    expect(boosts({ importance: 'MEDIUM' }).importanceBoost).toBe(0);
  });
});

describe('recency', () => {
  it.each([
    ['EPISODIC', 30],
    ['DECLARATIVE', 180],
    ['PROCEDURAL', 365],
  ] as const)('of %s halves in %i days', (type, days) => {
    const { recency } = DEFAULT_WEIGHTS;
    expect(boosts({ type }).recencyBoost).toBe(recency);
    expect(boosts({ type, createdAt: daysAgo(days) }).recencyBoost).toBeCloseTo(recency / 2, 12);
    expect(boosts({ type, createdAt: daysAgo(2 * days) }).recencyBoost).toBeCloseTo(recency / 4, 12);
  });

  it('counts from when it became true, not from when it was written down', () => {
    expect(boosts({ validFrom: daysAgo(30) }).recencyBoost).toBeCloseTo(DEFAULT_WEIGHTS.recency / 2, 12);
  });

  it('of what lies ahead is that of now', () => {
    expect(boosts({ validFrom: daysAgo(-90) }).recencyBoost).toBe(DEFAULT_WEIGHTS.recency);
  });
});

describe('usage', () => {
  const used = (recallCount: number, days = 0) => boosts({ recallCount, lastRecalledAt: daysAgo(days) }).usageBoost;

  it('grows with the logarithm of the count and then no more: a boost that brings recalls does not feed itself', () => {
    expect(used(0)).toBe(0);
    expect(used(1)).toBeLessThan(DEFAULT_WEIGHTS.usage / 5);
    expect(used(2) - used(1)).toBeLessThan(used(1));
    expect(used(64)).toBe(DEFAULT_WEIGHTS.usage);
    expect(used(1_000_000)).toBe(used(64));
  });

  it('fades since the last recall', () => {
    expect(used(64, 14)).toBeCloseTo(DEFAULT_WEIGHTS.usage / 2, 12);
    expect(used(64, 140)).toBeLessThan(DEFAULT_WEIGHTS.usage / 900);
  });

  it('adds nothing to what was known in the past: how often it had been recalled by then is not kept', () => {
    expect(boosts({ recallCount: 64, lastRecalledAt: daysAgo(0) }, true).usageBoost).toBe(0);
  });
});

describe('the spread', () => {
  it('is the most by which boosts can tell two memories apart, whatever the weights', () => {
    fc.assert(
      fc.property(memory, memory, weightsOf, fc.boolean(), (a, b, weights, isPast) => {
        const [one, other] = [a, b].map((each) => sumOf(boostsOf(each, { now: NOW, isPast, weights })));
        expect(Number.isFinite(one)).toBe(true);
        expect((one as number) - (other as number)).toBeLessThanOrEqual(spreadOf(weights) + 4e-6);
      }),
    );
  });

  it('is reached', () => {
    const best = sumOf(boosts({ importance: 'HIGH', recallCount: 64, lastRecalledAt: NOW }));
    const worst = sumOf(boosts({ importance: 'LOW', createdAt: daysAgo(100_000) }));
    expect(best - worst).toBeCloseTo(spreadOf(DEFAULT_WEIGHTS), 12);
  });
});
