import { conditionOf } from './condition.js';
import { type PolicyStatement } from './statement.js';

/** Ids of the statements in which two versions differ. */
export interface StatementChanges {
  added: string[];
  removed: string[];
  /** The same id, and another statement. */
  changed: string[];
}

export function changesOf(before: readonly PolicyStatement[], after: readonly PolicyStatement[]): StatementChanges {
  const old = new Map(before.map((statement) => [statement.id, asText(statement)]));
  const kept = new Set(after.map(({ id }) => id));
  const isChanged = (statement: PolicyStatement) =>
    old.has(statement.id) && old.get(statement.id) !== asText(statement);
  return {
    added: after.filter(({ id }) => !old.has(id)).map(({ id }) => id),
    removed: before.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
    changed: after.filter(isChanged).map(({ id }) => id),
  };
}

/** Stored conditions come back with their keys in another order. */
const asText = (statement: PolicyStatement): string =>
  JSON.stringify({ ...statement, where: conditionOf(statement.where).key });
