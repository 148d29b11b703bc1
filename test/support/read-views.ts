import { STATUSES, TYPES } from './memories.js';
import type { Overheard } from './overheard.js';
import type { Oracle, PoolFact } from './policy-oracle.js';
import { reviewOf, type PolicyMember, type PolicyWorld, type StoredFact } from './policy-world.js';
import { ACTIONS, MASKABLE } from './random-policies.js';
import type { Random } from './random-numbers.js';

/** What the oracle expects to be shown: of one memory, of a filter, of a pool. */

/** One principal under one policy, who reads. */
export interface Visit {
  world: PolicyWorld;
  member: PolicyMember;
  client: Overheard;
  oracle: Oracle;
  random: Random;
}

/** What was answered, beside what the oracle says; and which of the memories that were in question it shows. */
export interface Outcome {
  heard: unknown;
  expected: unknown;
  shown: StoredFact[];
  of: readonly StoredFact[];
}

export type Filter = Record<string, unknown>;
export interface View {
  id: string;
  [field: string]: unknown;
}

/** Fields of Memory that are memories: each as far as the caller may see them. */
export const RELATED: [field: string, of: (fact: StoredFact) => StoredFact[]][] = [
  ['derivedFrom', ({ sources }) => sources],
  ['supersededBy', ({ supersededBy }) => (supersededBy ? [supersededBy] : [])],
];

export const OWN = `id type status importance validFrom content entityId sessionId speaker labels metadata author { id }
  maskedFields pool { key } reviewed { approved comment }`;
export const WHOLE = `${OWN} history { content reason } ${RELATED.map(([field]) => `${field} { ${OWN} }`).join(' ')}`;
export const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);
export const sortById = <T extends { id: string }>(list: readonly T[]) =>
  [...list].sort((a, b) => (a.id < b.id ? -1 : 1));

/** A memory's own fields, as the oracle shows them. */
export function own({ oracle }: Visit, fact: StoredFact): View {
  const { entityId, sessionId, speaker, labels, type, importance, validFrom } = fact.attributes;
  const all = {
    content: fact.versions[0]?.content ?? null,
    entityId,
    sessionId,
    speaker,
    labels,
    metadata: fact.metadata,
  };
  const maskable: Record<string, unknown> = { ...all, author: { id: fact.authorId } };
  const maskedFields = MASKABLE.filter((field) => !oracle.shows(field, fact));
  for (const field of maskedFields) maskable[field] = null;
  const { id, status, pool } = fact;
  const reviewed = reviewOf(fact, oracle.shows('content', fact));
  return { id, type, status, importance, validFrom, ...maskable, maskedFields, pool: { key: pool.key }, reviewed };
}

export function whole(visit: Visit, fact: StoredFact): View {
  const visible = (facts: readonly StoredFact[]) => facts.filter((one) => visit.oracle.sees(one));
  const tells = visit.oracle.shows('content', fact) && visit.oracle.shows('author', fact);
  const related = RELATED.map(
    ([field, of]) => [field, sortById(visible(of(fact)).map((one) => own(visit, one)))] as const,
  );
  return { ...own(visit, fact), history: tells ? fact.versions : [], ...Object.fromEntries(related) };
}

/** As the oracle writes it: lists that have no order are sorted. */
export function normal(memory: View | null): View | null {
  if (!memory) return null;
  const sorted: View = { ...memory, maskedFields: [...(memory['maskedFields'] as string[])].sort() };
  for (const [field] of RELATED) {
    if (memory[field] === undefined) continue;
    const found = [memory[field] as View | View[] | null].flat().filter((one) => one !== null);
    sorted[field] = sortById(found.map((one) => normal(one) as View));
  }
  return sorted;
}

/** One or two conditions that some memory meets, whoever may see it, among some statuses. */
export function randomFilter({ world, oracle, random }: Visit): Filter {
  const { attributes, authorId, metadata } = random.one(world.facts);
  const known = world.pools.filter((pool) => isOpen(oracle, pool, world)).map(({ key }) => key);
  const at = attributes['createdAt'] as string;
  const conditions: Filter[] = [
    { entityId: attributes['entityId'] },
    { sessionId: attributes['sessionId'] },
    { authorId },
    { labels: random.some(attributes['labels'] as string[], 2) },
    { importance: random.some(['LOW', 'MEDIUM', 'HIGH'], 2) },
    { types: random.some(TYPES, 2) },
    { metadata: random.one([{ tag: metadata?.['tag'] ?? 'none' }, { size: { gte: 1 } }]) },
    random.one([{ createdAfter: at }, { createdBefore: at }]),
    known.length > 0 ? { pools: random.some(known, 3) } : {},
  ];
  const statuses = random.one([
    {},
    { statuses: STATUSES },
    { statuses: STATUSES },
    { statuses: random.some(STATUSES, 3) },
  ]);
  return Object.assign({}, statuses, ...random.some(conditions, 2)) as Filter;
}

/** Every condition of a filter is asked of what the caller is shown: of what is hidden from it none holds. */
export function passes(visit: Visit, filter: Filter, fact: StoredFact): boolean {
  if (!visit.oracle.sees(fact)) return false;
  const view = own(visit, fact);
  const has = (list: unknown, value: unknown) => (list as unknown[]).includes(value);
  const meets: Record<string, (wanted: never) => boolean> = {
    entityId: (wanted) => wanted === null || view['entityId'] === wanted,
    sessionId: (wanted) => wanted === null || view['sessionId'] === wanted,
    authorId: (wanted) => (view['author'] as { id: string } | null)?.id === wanted,
    labels: (wanted: string[]) => wanted.every((label) => has(view['labels'] ?? [], label)),
    importance: (wanted) => has(wanted, view['importance']),
    types: (wanted) => has(wanted, view['type']),
    statuses: (wanted) => has(wanted, view['status']),
    pools: (wanted) => has(wanted, fact.pool.key),
    metadata: ({ tag, size }: { tag?: string; size?: { gte: number } }) => {
      const metadata = view['metadata'] as { tag: string; size: number } | null;
      return metadata !== null && (size ? metadata.size >= size.gte : metadata.tag === tag);
    },
    createdAfter: (wanted: string) => (fact.attributes['createdAt'] as string) > wanted,
    createdBefore: (wanted: string) => (fact.attributes['createdAt'] as string) < wanted,
  };
  return Object.entries({ statuses: ['ACTIVE'], ...filter }).every(([name, wanted]) => meets[name]?.(wanted as never));
}

export const READS = ['READ', 'PROPOSE', 'REVIEW'];

/** That some memory is there on which the action is allowed; what might be possible on another is between this and mightDo. */
export const does = (oracle: Oracle, action: string, pool: PoolFact, { facts }: PolicyWorld) =>
  action === 'ADMINISTER'
    ? oracle.mightDo(action, pool)
    : facts.some((fact) => fact.pool === pool && oracle.may(action, fact));

export const isOpen = (oracle: Oracle, pool: PoolFact, world: PolicyWorld) =>
  ACTIONS.some((action) => does(oracle, action, pool, world));
export const isClosed = (oracle: Oracle, pool: PoolFact) => !ACTIONS.some((action) => oracle.mightDo(action, pool));
