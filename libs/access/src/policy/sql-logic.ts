import { type SqlParams } from './sql-params.js';

/**
 * A predicate that is written later, or known already. What folds away is never written: a value that was bound and not
 * used is an error to Postgres. UNKNOWN keeps the meaning that SQL gives it.
 */
export type Predicate = boolean | ((params: SqlParams, alias: string) => string);

export const render = (predicate: Predicate, params: SqlParams, alias: string): string =>
  typeof predicate === 'boolean' ? String(predicate) : predicate(params, alias);

export const allOf = (parts: readonly Predicate[]): Predicate =>
  parts.includes(false) ? false : joined(parts, ' and ', true);

export const anyOf = (parts: readonly Predicate[]): Predicate =>
  parts.includes(true) ? true : joined(parts, ' or ', false);

export function negate(part: Predicate): Predicate {
  if (typeof part === 'boolean') return !part;
  return (params, alias) => `not (${part(params, alias)})`;
}

function joined(parts: readonly Predicate[], separator: string, neutral: boolean): Predicate {
  const open = parts.filter((part) => typeof part !== 'boolean');
  if (open.length <= 1) return open[0] ?? neutral;
  return (params, alias) => {
    const distinct = [...new Set(open.map((part) => part(params, alias)))];
    return distinct.length === 1 ? (distinct[0] as string) : `(${distinct.join(separator)})`;
  };
}
