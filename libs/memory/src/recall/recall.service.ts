import type { AccessService, Grants, Principal } from '#access';
import type { Clock } from '#kernel';
import type { Unit } from '#platform';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory } from '../memory.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import { readablePoolIds } from '../read/pools.js';
import { contextBlock, withinBudget } from './context.js';
import { parseFilters, parseQuery, type Query, type RecallInput } from './query.js';
import { rank, take, type Ranked } from './rank.js';
import type { Parts } from './recipe.js';
import { retrieve } from './retrieve.js';

export interface RecallHit {
  memory: Memory;
  rank: number;
  score: number;
  explanation: { vectorRank: number | null; textRank: number | null } & Parts;
}

export interface RecallResult {
  hits: RecallHit[];
  context: string;
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
      const { scored, degraded } = await retrieve(unit, { scope, filter }, query, vector);
      if (this.index.configured && vector === null) degraded.unshift('VECTOR');
      const hits = await hydrate(unit, scope, take(rank(scored), query.limit, query.perPool));
      return answer(hits, query, grants, scope, degraded);
    });
  }
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
  return found.flatMap(({ id, score, vectorRank, textRank, parts }) => {
    const memory = memories.get(id);
    return memory ? [{ memory, rank: 0, score, explanation: { vectorRank, textRank, ...parts } }] : [];
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
