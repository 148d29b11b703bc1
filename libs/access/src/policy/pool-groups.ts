import { type Condition } from './condition.js';
import { conditionsOf, holdsAlways, keysOf, residualOf, type Residual } from './residual.js';
import { RuleSignatures } from './rule-signatures.js';
import { type Rule } from './rules.js';
import { MASKABLE_FIELDS, type Action, type MaskableField } from './vocabulary.js';

/** When a field is shown on the rows of a pool: where one of `opens` is TRUE (or the row is held), and all of `hides` FALSE. */
export interface Mask {
  readonly opens: readonly Condition[];
  readonly hides: readonly Condition[];
}

/** What decides over the rows of a pool. */
interface PoolRules {
  readonly read: Residual | null;
  readonly propose: Residual | null;
  readonly review: Residual | null;
  /** Only fields that some row may hide. */
  readonly masks: ReadonlyMap<MaskableField, Mask>;
  /** Equal where all of this is. */
  readonly key: string;
}

/** Pools in which the same decides. */
export interface PoolGroup extends PoolRules {
  readonly poolIds: readonly string[];
}

/** All pools that a filter reaches. */
export interface PoolScope {
  readonly groups: readonly PoolGroup[];
  /** Of all groups, sorted. */
  readonly poolIds: readonly string[];
}

export const conditionsIn = ({ read, propose, review, masks }: PoolRules): Condition[] => [
  ...[read, propose, review].flatMap((residual) => (residual ? [...residual.allows, ...residual.denies] : [])),
  ...[...masks.values()].flatMap(({ opens, hides }) => [...opens, ...hides]),
];

/** Groups of one key become one. */
export function scopeOf(parts: readonly PoolGroup[]): PoolScope {
  const groups = new Map<string, PoolGroup>();
  for (const part of parts) {
    const same = groups.get(part.key);
    groups.set(part.key, same ? { ...same, poolIds: [...same.poolIds, ...part.poolIds].sort() } : part);
  }
  return { groups: [...groups.values()], poolIds: parts.flatMap((part) => part.poolIds).sort() };
}

export function narrowTo(scope: PoolScope, keep: (poolId: string) => boolean): PoolScope {
  const groups = scope.groups.map((group) => ({ ...group, poolIds: group.poolIds.filter(keep) }));
  return { groups: groups.filter((group) => group.poolIds.length > 0), poolIds: scope.poolIds.filter(keep) };
}

type RulesAt = (action: Action, poolId: string) => readonly Rule[];

const readRules = (poolId: string, rulesAt: RulesAt) =>
  [rulesAt('READ', poolId), rulesAt('PROPOSE', poolId), rulesAt('REVIEW', poolId)] as const;

/**
 * How many tests the predicate over the pools could have; a list of pools is one, too. Counted before anything is decided,
 * and no further than it takes: deciding over what is refused for its size took most of a minute.
 */
export function countTests(poolIds: readonly string[], rulesAt: RulesAt, enough: number): number {
  const known = new Set<string>();
  const signatures = new RuleSignatures();
  let tests = 0;
  for (const poolId of poolIds) {
    const rules = readRules(poolId, rulesAt);
    const signature = signatures.of(rules);
    if (known.has(signature)) continue;
    known.add(signature);
    tests += rules.flat().reduce((sum, { condition }) => sum + condition.tests.length, 1);
    if (tests > enough) break;
  }
  return tests;
}

/** Pools without a row to see are left out. */
export function groupPools(poolIds: readonly string[], rulesAt: RulesAt): PoolScope {
  const bySignature = new Map<string, PoolRules & { poolIds: string[] }>();
  const signatures = new RuleSignatures();
  for (const poolId of poolIds) {
    const rules = readRules(poolId, rulesAt);
    const signature = signatures.of(rules);
    const group = bySignature.get(signature);
    if (group) group.poolIds.push(poolId);
    else bySignature.set(signature, { ...decide(...rules), poolIds: [poolId] });
  }
  return scopeOf([...bySignature.values()].filter((group) => group.read ?? group.propose ?? group.review));
}

function decide(read: readonly Rule[], propose: readonly Rule[], review: readonly Rule[]): PoolRules {
  const readable = residualOf(read);
  // PROPOSE adds nothing where everything can be read, and so does not tell such pools apart.
  const proposable = holdsAlways(readable) ? null : residualOf(propose);
  const reviewable = residualOf(review);
  const masks = masksOf(read);
  const fields = [...masks].map(([field, mask]) => [field, keysOf(mask.opens), keysOf(mask.hides)]);
  const key = JSON.stringify([readable?.key, proposable?.key, reviewable?.key, fields]);
  return { read: readable, propose: proposable, review: reviewable, masks, key };
}

function masksOf(read: readonly Rule[]): Map<MaskableField, Mask> {
  const masks = new Map<MaskableField, Mask>();
  if (read.every((rule) => rule.fields === null)) return masks;
  for (const field of MASKABLE_FIELDS) {
    const names = (rule: Rule) => rule.fields?.includes(field) ?? false;
    const allows = read.filter((rule) => rule.effect === 'ALLOW');
    const opening = allows.filter((rule) => !rule.fields || names(rule));
    const hides = conditionsOf(read.filter((rule) => rule.effect === 'DENY' && names(rule)));
    const alwaysOpen = opening.length === allows.length || opening.some((rule) => rule.condition.tests.length === 0);
    if (hides.length > 0 || !alwaysOpen) masks.set(field, { opens: conditionsOf(opening), hides });
  }
  return masks;
}
