import type { AccessService, Grants, Principal } from '#access';
import type { Clock } from '#kernel';
import type { Unit } from '#platform';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory } from '../memory.js';
import type { IndexSpace, ReadScope } from '../memory.repository.js';
import { isActiveNow, type MemoryFilter } from '../read/memory-filter.js';
import { atMoment } from '../read/moment.js';
import { languagesOf, readablePoolIds } from '../read/pools.js';
import type { UsageCounter } from '../usage/usage-counter.js';
import type { Boosts } from './boosts.js';
import { contextBlock, withinBudget } from './context.js';
import { asTheyWere } from './past.js';
import { MoreToAsk, searchLastSeen, type Asking } from './one-flight.js';
import { parseFilters, parseQuery, type Query, type RecallInput } from './query.js';
import { rank, type Ranked } from './rank.js';
import { readHits } from './read-hits.js';
import type { Parts } from './recipe.js';
import { retrieve } from './retrieve.js';
import { select, type Selected, type Selection } from './selection.js';
import type { TermIndex } from './term-index/term-index.js';
import type { Texts } from './texts.js';
import { tokenCounter, type CountTokens } from './tokens.js';

export interface RecallHit {
  memory: Memory;
  rank: number;
  score: number;
  /** Made when it is read: it compares the hit with all that were found. */
  readonly explanation: { vectorRank: number | null; textRank: number | null } & Parts & Boosts;
  /** What says the same and gave its place to others. */
  repeats: string[];
}

export interface RecallResult {
  hits: RecallHit[];
  /** Made when it is read. */
  readonly context: string;
  /** What was missing: VECTOR when the embedder failed, CANDIDATES when the query's words are in too many memories. */
  degraded: string[];
  policyVersion: number;
  searchedPools: string[];
}

export class RecallService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly clock: Clock,
    private readonly usage: UsageCounter,
    private readonly terms?: TermIndex,
  ) {}

  /** @throws BAD_INPUT naming the field. */
  async recall(caller: Principal, input: RecallInput): Promise<RecallResult> {
    const result = await this.look(caller, input);
    this.usage.note(result.hits.map(({ memory }) => memory.id));
    return result;
  }

  /** The same without being counted as a use of what was found: nobody is shown it. */
  async look(caller: Principal, input: RecallInput): Promise<RecallResult> {
    const query = parseQuery(input);
    // All of it comes before the unit of work: inside it there is no waiting but for its own statements.
    const { vector, space } = await this.index.query(query.text);
    const count = query.tokenBudget === null ? null : await tokenCounter();
    const ask = (grants: Grants) => {
      const asked = parseFilters(input, grants);
      return { asked, pools: asked.poolIds ?? readablePoolIds(grants, input.pools, 'input.pools') };
    };
    const question = { caller, input, query, vector, space };
    const find = (inHaste: boolean) =>
      this.access.readWithin(caller, ask, (unit, grants, { asked, pools }) =>
        this.find({ unit, grants, inHaste }, { ...question, asked, pools }),
      );
    const found = await find(true).catch((error: unknown) => {
      if (error instanceof MoreToAsk) return find(false);
      throw error;
    });
    return answer(found, query.tokenBudget, count);
  }

  private async find({ unit, grants, inHaste }: Within, question: Question): Promise<Found> {
    const { caller, input, space, vector } = question;
    const now = this.clock.now();
    const filter = atMoment(question.asked, input, 'input', now);
    const readable = grants.readFilter.narrow(question.pools);
    const scope: ReadScope = {
      orgId: caller.orgId,
      filter: isActiveNow(filter) ? readable.openRows() : readable,
      now,
      space,
    };
    const search = async (texts: Texts | undefined, asking: Asking) => {
      const found = await searchIn(texts, { unit, asking, grants, scope, filter }, question);
      if (this.index.configured && vector === null) found.degraded.unshift('VECTOR');
      return found;
    };
    const kept = this.terms?.texts(unit, scope, filter, { vector, inHaste });
    if (!kept) return search(undefined, unit);
    const { lastSeen, current } = kept;
    if (!lastSeen) return search(await current, unit);
    return searchLastSeen(unit, { lastSeen, current }, search);
  }
}

/** The unit of work of a search. */
interface Within {
  unit: Unit;
  grants: Grants;
  /** Where that is not enough, it throws MoreToAsk. */
  inHaste: boolean;
}

interface Question {
  caller: Principal;
  input: RecallInput;
  query: Query;
  vector: readonly number[] | null;
  space: IndexSpace | null;
  asked: MemoryFilter;
  /** Their ids. */
  pools: readonly string[];
}

interface Search {
  unit: Unit;
  asking: Asking;
  grants: Grants;
  scope: ReadScope;
  filter: MemoryFilter;
}

/** @param texts undefined: the database's */
async function searchIn(
  texts: Texts | undefined,
  { unit, asking, grants, scope, filter }: Search,
  { query, vector }: Question,
): Promise<Found> {
  const searched = { scope, filter, languageOf: languagesOf(grants), kept: texts };
  const { scores, near, degraded } = await retrieve(unit, searched, query, vector);
  const read = async (hits: readonly Ranked[]) => asTheyWere(unit, scope, filter, await readHits(asking, scope, hits));
  const selected = await select(rank(scores, near), selectionOf(query, scope, { filter, grants }), read);
  return { hits: selected.map(hitOf), grants, scope, degraded };
}

const selectionOf = (
  { limit, perPool }: Query,
  { filter: { poolIds } }: ReadScope,
  { filter: { moment }, grants }: { filter: MemoryFilter; grants: Grants },
): Selection => {
  const pools = new Map(grants.pools.map((pool) => [pool.id, pool.recallWeights]));
  const now = moment?.at ?? new Date();
  const isPast = moment?.named ?? false;
  return { limit, perPool, now, isPast, poolIds, weightsOf: (poolId) => pools.get(poolId) ?? null };
};

function hitOf({ hit, memory, score, boosts, repeats }: Selected<Ranked>): RecallHit {
  // Compiled operations read it once for each of its fields.
  let told: RecallHit['explanation'] | undefined;
  return {
    memory,
    rank: 0,
    score: squashed(score),
    get explanation() {
      return (told ??= explanationOf(hit, boosts));
    },
    repeats,
  };
}

function explanationOf(hit: Ranked, boosts: Boosts): RecallHit['explanation'] {
  const { parts, ...ranks } = hit.explain();
  return { ...ranks, ...parts, ...boosts };
}

/** A sum has no end; the score is from 0 to below 1, in the same order. */
const squashed = (sum: number): number => Math.max(0, sum) / (1 + Math.max(0, sum));

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
  const memories = hits.map((hit) => hit.memory);
  let context: string | undefined;
  return {
    hits,
    get context() {
      return (context ??= contextBlock(memories, poolKey));
    },
    degraded,
    policyVersion: grants.policyVersion,
    searchedPools: scope.filter.poolIds.map(poolKey).sort(),
  };
}
