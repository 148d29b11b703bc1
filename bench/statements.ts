import { defaultPolicy, type PolicyStatement } from '../libs/access/src/policy/index.js';

export type Draft = Partial<PolicyStatement>;

/** The pools of the organisation that the coder does not read; see recall-organisation. */
export const OTHER_POOLS = 196;
export const READABLE = ['shared', 'coder', 'planner'];

export const ENTITIES = 10;

const statement = (nth: number, rest: Draft): PolicyStatement => ({
  id: `bench-${nth}`,
  effect: 'ALLOW',
  roles: ['coder'],
  actions: ['READ'],
  pools: READABLE,
  where: null,
  fields: null,
  expiresAt: null,
  reason: 'Made by the benchmark.',
  ...rest,
});

const otherPool = (nth: number) => `pool-${nth % OTHER_POOLS}`;

/** The default policy without what lets coders read, for mixes that let them read in another way. */
const coderCannotRead = () => defaultPolicy().filter(({ roles }) => !roles.includes('coder'));

interface Mix {
  base: () => PolicyStatement[];
  nth: (nth: number) => Draft;
}

/**
 * Policies that grow while what the coder sees stays the same: the first ten statements speak of what is there, the others
 * of what is not.
 */
export const MIXES: Record<string, Mix> = {
  'other roles and pools': {
    base: defaultPolicy,
    nth: (nth) => ({
      roles: [nth % 2 ? 'tester' : 'reviewer'],
      pools: [otherPool(nth)],
      where: nth % 3 ? null : { entityId: { eq: `project-${nth}` } },
    }),
  },
  'own role, one shape, many pools': {
    base: defaultPolicy,
    nth: (nth) => ({ actions: ['READ', 'PROPOSE'], pools: [otherPool(nth)] }),
  },
  'own pools, ALLOW entityId eq': {
    base: coderCannotRead,
    nth: (nth) => ({ where: { entityId: { eq: `project-${nth}` } } }),
  },
  'own pools, DENY labels contains': {
    base: defaultPolicy,
    nth: (nth) => ({ effect: 'DENY', where: { labels: { contains: `secret-${nth}` } } }),
  },
  'own pools, DENY speaker eq': {
    base: defaultPolicy,
    nth: (nth) => ({ effect: 'DENY', where: { speaker: { eq: `guest-${nth}` } } }),
  },
};

export function policyOf(mix: Mix, count: number): PolicyStatement[] {
  const base = mix.base();
  const added = Math.max(count - base.length, ENTITIES);
  return [...base, ...Array.from({ length: added }, (_, nth) => statement(nth, mix.nth(nth)))].slice(-10_000);
}

/** Statements as a team has them: most about whole pools, some with a condition, a few denies, some that hide fields. */
export function teamPolicy(count: number): PolicyStatement[] {
  const drafts: ((nth: number) => Draft)[] = [
    (nth) => ({ pools: [otherPool(nth)] }),
    (nth) => ({ pools: [otherPool(nth)], actions: ['READ', 'WRITE', 'REVISE', 'FORGET'] }),
    (nth) => ({ pools: [otherPool(nth)], where: { type: { eq: 'PROCEDURAL' } } }),
    (nth) => ({ where: { entityId: { eq: `project-${nth}` } }, actions: ['READ', 'PROPOSE'] }),
    (nth) => ({ roles: ['tester'], pools: [otherPool(nth)], where: { importance: { gte: 'MEDIUM' } } }),
    (nth) => ({ effect: 'DENY', where: { labels: { contains: `secret-${nth}` } } }),
    (nth) => ({ effect: 'DENY', pools: [otherPool(nth)], fields: ['author', 'speaker'] }),
    (nth) => ({ roles: ['*'], pools: ['own'], where: { createdAt: { lt: new Date(1.8e12 + nth).toISOString() } } }),
  ];
  return Array.from({ length: count }, (_, nth) => {
    const draft = drafts[nth % drafts.length] as (nth: number) => Draft;
    return statement(nth, draft(nth));
  });
}
