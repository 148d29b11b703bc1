import type { AccessService, Grants, MemoryType, Principal } from '#access';
import type { Clock } from '#kernel';
import type { Unit } from '#platform';
import { LIMITS, optionalText, requiredText, wholeNumber } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory } from '../memory.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import { parseFilter, type MemoryFilter, type MemoryFilterInput } from '../read/memory-filter.js';
import { atMoment } from '../read/moment.js';
import { readablePoolIds } from '../read/pools.js';
import type { UsageCounter } from '../usage/usage-counter.js';
import { analyse } from './analysis.js';
import type { Boosts } from './boosts.js';
import { contextBlock, withinBudget } from './context.js';
import { lexicalScores } from './lexical-score.js';
import { asTheyWere, searchThen } from './past.js';
import { rank, type Ranked, type Signals } from './rank.js';
import { lexicalCandidates, nearest, type LexicalSearch } from './recall.repository.js';
import { select, type Selection } from './selection.js';
import { tokenCounter, type CountTokens } from './tokens.js';

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
  asOf?: Date | null;
  includeSuperseded?: boolean | null;
}

export interface RecallHit {
  memory: Memory;
  rank: number;
  score: number;
  explanation: { vectorRank: number | null; textRank: number | null } & Boosts;
  /** What says the same and gave its place to others. */
  repeats: string[];
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
    private readonly usage: UsageCounter,
  ) {}

  /** @throws BAD_INPUT naming the field. */
  async recall(caller: Principal, input: RecallInput): Promise<RecallResult> {
    const query = parseQuery(input);
    // All of it comes before the unit of work: inside it there is no waiting but for its own statements.
    const vector = (await this.index.embed([query.text]))?.[0] ?? null;
    const space = await this.index.space();
    const count = query.tokenBudget === null ? null : await tokenCounter();
    const found = await this.access.read(caller, async (unit, grants) => {
      const filter = atMoment(parseFilters(input, grants), input, 'input', this.clock.now());
      const pools = filter.poolIds ?? readablePoolIds(grants, input.pools, 'input.pools');
      const scope: ReadScope = {
        orgId: caller.orgId,
        filter: grants.readFilter.narrow(pools),
        now: this.clock.now(),
        space,
      };
      const degraded = this.index.configured && vector === null ? ['VECTOR'] : [];
      const ranked = await findSignals(unit, scope, filter, query, vector, degraded);
      const hits = await hydrate(unit, scope, { filter, selection: selectionOf(query, filter, grants) }, ranked);
      return { hits, grants, scope, degraded };
    });
    const result = answer(found, query.tokenBudget, count);
    this.usage.note(result.hits.map(({ memory }) => memory.id));
    return result;
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
  const now = query.terms.length ? await lexicalCandidates(unit, scope, filter, query.terms) : NOTHING_FOUND;
  const search = await searchThen(unit, scope, { filter, terms: query.terms }, now);
  const { candidates, documents } = search;
  if (search.cut) degraded.push('CANDIDATES');
  const scores = lexicalScores({ terms: query.terms }, { documents }, candidates);
  for (const { id, poolId, wanted } of candidates) {
    if (wanted) signals.set(id, { id, poolId, lexical: scores.get(id)?.score ?? null, cosine: null });
  }
  for (const { id, poolId, cosine } of vector ? await nearest(unit, scope, filter, vector) : []) {
    signals.set(id, { ...(signals.get(id) ?? { id, poolId, lexical: null }), cosine });
  }
  return rank([...signals.values()]);
}

const selectionOf = ({ limit, perPool }: Query, { moment }: MemoryFilter, grants: Grants): Selection => {
  const pools = new Map(grants.pools.map((pool) => [pool.id, pool.recallWeights]));
  const now = moment?.at ?? new Date();
  return { limit, perPool, now, isPast: moment?.named ?? false, weightsOf: (poolId) => pools.get(poolId) ?? null };
};

async function hydrate(
  unit: Unit,
  scope: ReadScope,
  { filter, selection }: { filter: MemoryFilter; selection: Selection },
  found: Ranked[],
): Promise<RecallHit[]> {
  const read = async (ids: string[]) => asTheyWere(unit, scope, filter, await findMemories(unit, scope, ids));
  const selected = await select(found, selection, read);
  return selected.map(({ hit: { vectorRank, textRank }, memory, score, boosts, repeats }) => ({
    memory,
    rank: 0,
    score: Math.min(1, Math.max(0, score)),
    explanation: { vectorRank, textRank, ...boosts },
    repeats,
  }));
}

interface Found {
  hits: RecallHit[];
  grants: Grants;
  scope: ReadScope;
  degraded: string[];
}

function answer(found: Found, tokenBudget: number | null, count: CountTokens | null): RecallResult {
  const { grants, scope, degraded } = found;
  const keys = new Map(grants.pools.map((pool) => [pool.id, pool.key]));
  const poolKey = (id: string) => keys.get(id) ?? id;
  const hits = tokenBudget !== null && count ? withinBudget(found.hits, tokenBudget, poolKey, count) : found.hits;
  hits.forEach((hit, place) => (hit.rank = place + 1));
  return {
    hits,
    context: contextBlock(
      hits.map((hit) => hit.memory),
      poolKey,
    ),
    degraded,
    policyVersion: grants.policyVersion,
    searchedPools: scope.filter.poolIds.map(poolKey).sort(),
  };
}
