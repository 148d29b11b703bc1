import { analyse } from '../recall/analysis.js';
import { claimsOf, tellsChange, type Claim } from './claims.js';

/** A fact, as it is compared with others about the same entity. */
export interface Fact {
  id: string;
  content: string;
  entityId: string | null;
  /** Since when it holds, or was written. */
  since: Date;
}

/** The newer says that the older holds no more. */
export interface Contradiction {
  older: string;
  newer: string;
}

/** Of one entity; the newest are compared. */
const MOST_FACTS = 500;
/** Words for whoever the entity is. */
const PRONOUNS = new Set(['user', 'client', 'custom', 'person', 'i', 'he', 'she', 'they', 'it', 'we']);

interface Told extends Fact {
  claims: Claim[];
}

/**
 * By rules: about the same entity, of the same attribute and subject, the newer with a word that marks a change. Of what can have
 * several values at a time, the newer must name the one that is over.
 * @param facts of one entity
 */
export function contradictionsByRules(facts: readonly Fact[]): Contradiction[] {
  const inOrder = [...facts].sort((a, b) => a.since.getTime() - b.since.getTime()).slice(-MOST_FACTS);
  const told = inOrder.map((fact): Told => ({ ...fact, claims: claimsOf(fact.content) }));
  const over = new Map<string, string>();
  for (const [place, newer] of told.entries()) {
    if (!tellsChange(newer.content)) continue;
    for (const older of told.slice(0, place))
      if (!over.has(older.id) && isOver(older, newer)) over.set(older.id, newer.id);
  }
  return replacedByNow(over);
}

/**
 * What was replaced by something that was replaced in turn leads to what holds now.
 * @param over by the older the newer; without circles
 */
export function replacedByNow(over: ReadonlyMap<string, string>): Contradiction[] {
  const last = (id: string): string => {
    const next = over.get(id);
    return next === undefined ? id : last(next);
  };
  return [...over.keys()].map((older) => ({ older, newer: last(older) }));
}

function isOver(older: Told, newer: Told): boolean {
  if (older.since.getTime() === newer.since.getTime()) return false;
  const entity = new Set(analyse(newer.entityId ?? ''));
  return newer.claims.some((claim) =>
    older.claims.some(
      (before) =>
        before.attribute === claim.attribute && sameSubject(before, claim, entity) && isReplaced(before, claim),
    ),
  );
}

function sameSubject(a: Claim, b: Claim, entity: ReadonlySet<string>): boolean {
  // Of a property the subject says which it is; elsewhere it is whoever the entity is, by whatever name.
  const isEntity = ({ subject, attribute }: Claim) =>
    attribute !== 'property' && entity.size > 0 && [...subject].every((term) => entity.has(term) || PRONOUNS.has(term));
  if (isEntity(a) && isEntity(b)) return true;
  return a.subject.size > 0 && a.subject.size === b.subject.size && holdsAll(a.subject, b.subject);
}

function isReplaced(before: Claim, claim: Claim): boolean {
  if (before.value.size === 0) return false;
  const namesIt = claim.replaced.size > 0 && holdsAll(before.value, claim.replaced);
  if (claim.value.size === 0 || !claim.single) return namesIt;
  return !(holdsAll(before.value, claim.value) && holdsAll(claim.value, before.value));
}

const holdsAll = (all: ReadonlySet<string>, some: ReadonlySet<string>): boolean =>
  [...some].every((term) => all.has(term));
