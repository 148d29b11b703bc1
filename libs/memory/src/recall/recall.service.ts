import type { AccessService, Grants, MemoryType, Principal } from '#access';
import type { Clock } from '#kernel';
import type { Unit } from '#platform';
import { LIMITS, optionalText, requiredText, wholeNumber } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory } from '../memory.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import { parseFilter, type MemoryFilter, type MemoryFilterInput } from '../read/memory-filter.js';
import { readablePoolIds } from '../read/pools.js';
import { analyse } from './analysis.js';
import { contextBlock, withinBudget } from './context.js';
import { lexicalScores } from './lexical-score.js';
import { rank, take, type Ranked, type Signals } from './rank.js';
import { lexicalCandidates, nearest, type LexicalSearch } from './recall.repository.js';

const MAX_TERMS = 200;
const NOTHING_FOUND: LexicalSearch = { candidates: [], documents: 0, cut: false };

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
}

export interface RecallHit {
  memory: Memory;
  rank: number;
  score: number;
  explanation: { vectorRank: number | null; textRank: number | null };
}

export interface RecallResult {
  hits: RecallHit[];
  context: string;
  /** What was missing: VECTOR when the embedder failed, CANDIDATES when the query's words are in too many memories. */
  degraded: string[];
  policyVersion: number;
  searchedPools: string[];
}

interface Query {
  text: string;
  terms: string[];
  limit: number;
  perPool: number;
  tokenBudget: number | null;
}

export class RecallService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly clock: Clock,
  ) {}

  /** @throws BAD_INPUT naming the field. */
  async recall(caller: Principal, input: RecallInput): Promise<RecallResult> {
    const query = parseQuery(input);
    // Both come before the unit of work: inside it there is no waiting for a network.
    const { vector, space } = await this.index.query(query.text);
    return this.access.read(caller, async (unit, grants) => {
      const filter = parseFilters(input, grants);
      const pools = filter.poolIds ?? readablePoolIds(grants, input.pools, 'input.pools');
      const scope: ReadScope = {
        orgId: caller.orgId,
        filter: grants.readFilter.narrow(pools),
        now: this.clock.now(),
        space,
      };
      const degraded = this.index.configured && vector === null ? ['VECTOR'] : [];
      const found = await findSignals(unit, scope, filter, query, vector, degraded);
      const hits = await hydrate(unit, scope, found);
      return answer(hits, query, grants, scope, degraded);
    });
  }
}

function parseQuery(input: RecallInput): Query {
  const text = requiredText(input.query, 'input.query', LIMITS.query);
  return {
    text,
    terms: [...new Set(analyse(text))].slice(0, MAX_TERMS),
    limit: wholeNumber(input.limit ?? 10, 'input.limit', 1, 100),
    perPool: wholeNumber(input.perPoolLimit ?? 100, 'input.perPoolLimit', 1, 100),
    tokenBudget: input.tokenBudget == null ? null : wholeNumber(input.tokenBudget, 'input.tokenBudget', 1, 1_000_000),
  };
}

/** The input's own conditions and its filter's must all hold: pools, types, entity and session may stand in both. */
function parseFilters(input: RecallInput, grants: Grants): MemoryFilter {
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

async function findSignals(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  query: Query,
  vector: number[] | null,
  degraded: string[],
): Promise<Ranked[]> {
  if (scope.filter.poolIds.length === 0) return [];
  const signals = new Map<string, Signals>();
  const search = query.terms.length ? await lexicalCandidates(unit, scope, filter, query.terms) : NOTHING_FOUND;
  const { candidates, documents } = search;
  if (search.cut) degraded.push('CANDIDATES');
  const scores = lexicalScores({ terms: query.terms }, { documents }, candidates);
  for (const { id, poolId, wanted } of candidates) {
    if (wanted) signals.set(id, { id, poolId, lexical: scores.get(id)?.score ?? null, cosine: null });
  }
  for (const { id, poolId, cosine } of vector ? await nearest(unit, scope, filter, vector) : []) {
    signals.set(id, { ...(signals.get(id) ?? { id, poolId, lexical: null }), cosine });
  }
  return take(rank([...signals.values()]), query.limit, query.perPool);
}

async function hydrate(unit: Unit, scope: ReadScope, found: Ranked[]): Promise<RecallHit[]> {
  const memories = new Map(
    (
      await findMemories(
        unit,
        scope,
        found.map((hit) => hit.id),
      )
    ).map((memory) => [memory.id, memory]),
  );
  return found.flatMap(({ id, score, vectorRank, textRank }) => {
    const memory = memories.get(id);
    return memory ? [{ memory, rank: 0, score, explanation: { vectorRank, textRank } }] : [];
  });
}

function answer(hits: RecallHit[], query: Query, grants: Grants, scope: ReadScope, degraded: string[]): RecallResult {
  const keys = new Map(grants.pools.map((pool) => [pool.id, pool.key]));
  const poolKey = (id: string) => keys.get(id) ?? id;
  const fitting = withinBudget(hits, query.tokenBudget, poolKey);
  fitting.forEach((hit, place) => (hit.rank = place + 1));
  return {
    hits: fitting,
    context: contextBlock(
      fitting.map((hit) => hit.memory),
      poolKey,
    ),
    degraded,
    policyVersion: grants.policyVersion,
    searchedPools: scope.filter.poolIds.map(poolKey).sort(),
  };
}
