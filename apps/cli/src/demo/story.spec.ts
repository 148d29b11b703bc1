import { describe, expect, it } from '@jest/globals';
import { inTurns } from './player.js';
import { STORY_ROLES, type MemorizeStep } from './step.js';
import { STORY } from './story.js';

const told = STORY.filter((step): step is MemorizeStep => step.verb === 'memorize');

describe('the demo’s story', () => {
  it('has at least 60 memories, of every type and from every role', () => {
    expect(new Set(told.map(({ role, pool, content }) => `${pool ?? role} ${content}`)).size).toBeGreaterThanOrEqual(
      60,
    );
    expect(new Set(told.map(({ type }) => type)).size).toBe(3);
    expect(new Set(told.map(({ role }) => role))).toEqual(new Set(STORY_ROLES));
  });

  it('goes forward in time, with a name of its own for every step', () => {
    const times = STORY.map(({ at }) => at);
    expect(times).toEqual([...times].sort());
    expect(times.every((at) => new Date(at).toISOString() === at.replace('Z', '.000Z'))).toBe(true);
    expect(new Set(STORY.map(({ id }) => id)).size).toBe(STORY.length);
  });

  it('revises, forgets, reviews and promotes only what was told before', () => {
    const before = new Set<string>();
    for (const step of STORY) {
      if ('of' in step) expect(before).toContain(step.of);
      if (step.verb === 'memorize') before.add(step.id);
    }
    for (const verb of ['revise', 'forget', 'review', 'promote', 'recall'])
      expect(STORY.map((step) => step.verb)).toContain(verb);
  });

  it('lets each revise and forget in its own pool only, as the default policy does', () => {
    const byId = new Map(told.map((step) => [step.id, step]));
    for (const step of STORY) {
      if (step.verb !== 'revise' && step.verb !== 'forget') continue;
      expect(byId.get(step.of)).toMatchObject({ role: step.role });
      expect(byId.get(step.of)?.pool).toBeUndefined();
    }
  });

  it('promotes into the pool of whoever promotes, which shows the copy to nobody new under the default policy', () => {
    const byId = new Map(told.map((step) => [step.id, step]));
    const promotions = STORY.filter((step) => step.verb === 'promote');
    expect(promotions.map(({ role, of, toPool }) => [role, byId.get(of)?.role, toPool])).toEqual([
      ['tester', 'coder', 'tester'],
    ]);
  });

  it('reviews every proposal to shared but none by its author, and refuses one of them', () => {
    const proposals = told.filter(({ role, pool }) => pool === 'shared' && (role === 'coder' || role === 'tester'));
    const reviews = STORY.filter((step) => step.verb === 'review');
    expect(reviews.map(({ of }) => of).sort()).toEqual(proposals.map(({ id }) => id).sort());
    expect(reviews.filter(({ approve }) => !approve)).toHaveLength(1);
  });

  it('tells exactly one thing twice in one pool', () => {
    const places = told.map(({ role, pool, content }) => `${pool ?? role} ${content}`);
    expect(places.length - new Set(places).size).toBe(1);
  });

  it('keeps the penalty in the planner’s pool alone', () => {
    const tellers = told.filter(({ content }) => /penalty of/.test(content));
    expect(tellers.map(({ role, pool }) => [role, pool])).toEqual([['planner', undefined]]);
  });

  it('is told in requests of neighbouring steps, in order', () => {
    const turns = inTurns(STORY);
    expect(turns.flat()).toEqual(STORY);
    expect(turns.length).toBeLessThan(STORY.length);
    for (const turn of turns) expect(new Set(turn.map(({ role, verb }) => `${role} ${verb}`)).size).toBe(1);
  });
});
