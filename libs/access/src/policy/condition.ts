import { type SqlParams } from './sql-params.js';
import { type MemoryRow } from './vocabulary.js';

export type Truth = 'TRUE' | 'FALSE' | 'UNKNOWN';

/** A checked condition; opaque outside the policy. */
export interface Condition {
  readonly key: string;
}

/** @throws BAD_INPUT naming the place under `path`. */
export function compileCondition(_where: unknown, _path = 'where'): Condition {
  throw new Error('not written yet');
}

export function evaluate(_condition: Condition, _row: MemoryRow): Truth {
  throw new Error('not written yet');
}

export function conditionSql(_condition: Condition, _params: SqlParams, _alias: string): string {
  throw new Error('not written yet');
}
