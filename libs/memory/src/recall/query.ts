import type { Grants, MemoryType } from '#access';
import { LIMITS, optionalText, requiredText, wholeNumber } from '../input.js';
import { parseFilter, type MemoryFilter, type MemoryFilterInput } from '../read/memory-filter.js';
import { readablePoolIds } from '../read/pools.js';
import { words } from './analysis.js';
import { traitAskedFor } from './traits.js';

export interface RecallInput {
  query: string;
  pools?: string[] | null;
  types?: MemoryType[] | null;
  entityId?: string | null;
  sessionId?: string | null;
  filter?: MemoryFilterInput | null;
  limit?: number | null;
  perPoolLimit?: number | null;
  tokenBudget?: number | null;
  asOf?: Date | null;
  includeSuperseded?: boolean | null;
}

export interface Query {
  text: string;
  words: ReadonlySet<string>;
  /** See traits. */
  trait: number;
  limit: number;
  perPool: number;
  tokenBudget: number | null;
}

/** @throws BAD_INPUT */
export function parseQuery(input: RecallInput): Query {
  const text = requiredText(input.query, 'input.query', LIMITS.query);
  return {
    text,
    words: new Set(words(text)),
    trait: traitAskedFor(text),
    limit: wholeNumber(input.limit ?? 10, 'input.limit', 1, 100),
    perPool: wholeNumber(input.perPoolLimit ?? 100, 'input.perPoolLimit', 1, 100),
    tokenBudget: input.tokenBudget == null ? null : wholeNumber(input.tokenBudget, 'input.tokenBudget', 1, 1_000_000),
  };
}

/** The input's own conditions and its filter's must all hold: pools, types, entity and session may stand in both. */
export function parseFilters(input: RecallInput, grants: Grants): MemoryFilter {
  const filter = parseFilter(input.filter, 'input.filter', grants);
  const outer = parseFilter({ types: input.types }, 'input', grants);
  const both = <Value>(a: readonly Value[] | null, b: readonly Value[] | null) =>
    a && b ? a.filter((one) => b.includes(one)) : (a ?? b);
  const own = input.pools ? readablePoolIds(grants, input.pools, 'input.pools') : null;
  const entityId = optionalText(input.entityId, 'input.entityId', LIMITS.entityId);
  const sessionId = optionalText(input.sessionId, 'input.sessionId', LIMITS.sessionId);
  const contradicts = (a: string | null, b: string | null) => a !== null && b !== null && a !== b;
  const nothing = contradicts(entityId, filter.entityId) || contradicts(sessionId, filter.sessionId);
  return {
    ...filter,
    poolIds: nothing ? [] : both(own, filter.poolIds),
    types: both(outer.types, filter.types),
    entityId: entityId ?? filter.entityId,
    sessionId: sessionId ?? filter.sessionId,
  };
}
