import { appendAudit, type AccessService, type DirectoryPool, type Grants, type Principal } from '#access';
import { CommonplaceError, newId, notFound, type Clock } from '#kernel';
import { sqlState, UNIQUE_VIOLATION, type Unit } from '#platform';
import { LIMITS, requiredId, requiredText, wholeNumber } from '../input.js';
import type { Memory } from '../memory.js';
import { languagesOf, poolByKey } from '../read/pools.js';
import { OLDER_THAN_DAYS, type ConsolidationWorker } from './consolidation-worker.js';
import type { ConsolidationRun, StoredChange } from './consolidation.js';
import { extract } from './extract.js';
import { beginUndo, findRun, insertRun, listChanges, listRuns } from './runs.repository.js';

export interface ConsolidateInput {
  pool: string;
  olderThanDays?: number | null;
  dryRun?: boolean | null;
}

/** Longer runs are answered as they are by then, and go on. */
const WAIT_MS = 20_000;
const MOST_DAYS = 36_500;
const MOST_CHANGES = 200;

/** What a caller may do about the runs of a pool: of whose memories they are shown those that they may read, and no others. */
export class ConsolidationService {
  constructor(
    private readonly access: AccessService,
    private readonly worker: ConsolidationWorker,
    private readonly clock: Clock,
  ) {}

  /** @throws BAD_INPUT, FORBIDDEN; CONFLICT while another run is at work in the pool */
  async consolidate(caller: Principal, input: ConsolidateInput): Promise<ConsolidationRun> {
    const key = requiredText(input.pool, 'input.pool', 64);
    const olderThanDays = wholeNumber(input.olderThanDays ?? OLDER_THAN_DAYS, 'input.olderThanDays', 0, MOST_DAYS);
    const dryRun = input.dryRun ?? false;
    const { orgId } = this.access;
    const id = newId();
    await this.access.write(caller, async (unit, grants) => {
      const pool = poolByKey(grants, key, 'input.pool');
      assertMay(grants, pool);
      const settings = { olderThanDays, dryRun, asOf: this.clock.now(), askedById: caller.id, scheduledFor: null };
      if (!(await insertRun(unit, orgId, { id, poolId: pool.id, ...settings }))) throw atWork();
      const detail = { poolId: pool.id, dryRun, olderThanDays };
      await appendAudit(unit, { action: 'consolidation.run', target: id, detail });
    });
    return this.attend(id);
  }

  /** Puts back what is still as the run left it. @throws NOT_FOUND; CONFLICT for what cannot be undone, or while another run is at work */
  async undo(caller: Principal, runId: string): Promise<ConsolidationRun> {
    const id = requiredId(runId, 'id');
    const { orgId } = this.access;
    try {
      await this.access.write(caller, async (unit, grants) => {
        const run = await shownRun(unit, orgId, grants, id);
        if (!run) throw notFound('The run');
        if (run.dryRun) throw new CommonplaceError('CONFLICT', 'A dry run has changed nothing.');
        if (!(await beginUndo(unit, orgId, id, ['SUCCEEDED', 'FAILED'])))
          throw new CommonplaceError('CONFLICT', `The run is ${run.status}: only what has ended is undone, and once.`);
        await appendAudit(unit, { action: 'consolidation.undo', target: id, detail: { poolId: run.poolId } });
      });
    } catch (error) {
      if (sqlState(error) === UNIQUE_VIOLATION) throw atWork({ cause: error });
      throw error;
    }
    return this.attend(id);
  }

  /** Newest first, of the pools where the caller may CONSOLIDATE. @throws BAD_INPUT */
  runs(caller: Principal, { pool, first }: { pool?: string | null; first: number }): Promise<ConsolidationRun[]> {
    const atMost = wholeNumber(first, 'first', 1, LIMITS.page);
    return this.access.consult(caller, (unit, grants) => {
      const pools = pool == null ? grants.pools : [poolByKey(grants, requiredText(pool, 'pool', 64), 'pool')];
      const poolIds = pools.filter((one) => mayConsolidate(grants, one.id)).map((one) => one.id);
      return listRuns(unit, this.access.orgId, { poolIds, atMost });
    });
  }

  /** Null where there is none, or none that the caller may see. */
  async run(caller: Principal, runId: string): Promise<ConsolidationRun | null> {
    const id = requiredId(runId, 'id');
    return this.access.consult(
      caller,
      async (unit, grants) => (await shownRun(unit, this.access.orgId, grants, id)) ?? null,
    );
  }

  /** Behind a place, in their order. @throws BAD_INPUT */
  changes(caller: Principal, runId: string, page: { first: number; after: number }): Promise<StoredChange[]> {
    const atMost = wholeNumber(page.first, 'first', 1, MOST_CHANGES);
    const after = wholeNumber(page.after, 'after', 0, 2_147_483_647);
    return this.access.consult(caller, async (unit, grants) => {
      const run = await shownRun(unit, this.access.orgId, grants, runId);
      return run ? listChanges(unit, this.access.orgId, { runId, after, atMost }) : [];
    });
  }

  /** What a summary would say by the rules, made from what the caller is shown; null where some of it is hidden. @param of how many there are */
  async proposedText(caller: Principal, of: number, sources: readonly Memory[]): Promise<string | null> {
    const texts = sources.flatMap(({ content }) => content ?? []);
    const [first] = sources;
    if (!first || texts.length < of) return null;
    return extract(texts, first.speaker, languagesOf(await this.access.grants(caller))(first.poolId));
  }

  private async attend(id: string): Promise<ConsolidationRun> {
    const run = await this.worker.attend(id, WAIT_MS);
    if (!run) throw notFound('The run');
    return run;
  }
}

/** A run works on all of the pool, so it is asked for by whoever may do it to every memory there. */
const mayConsolidate = ({ access }: Grants, poolId: string): boolean => access.canEverywhere('CONSOLIDATE', poolId);

function assertMay(grants: Grants, pool: DirectoryPool): void {
  if (mayConsolidate(grants, pool.id)) return;
  const { role } = grants.principal;
  const why = grants.access.canSomewhere('CONSOLIDATE', pool.id)
    ? 'a statement gives it for some of the memories, and a run works on all of them'
    : 'no statement allows it';
  throw new CommonplaceError('FORBIDDEN', `role ${role} may not CONSOLIDATE in pool ${pool.key}: ${why}`);
}

async function shownRun(unit: Unit, orgId: string, grants: Grants, id: string): Promise<ConsolidationRun | undefined> {
  const run = await findRun(unit, orgId, id);
  return run && mayConsolidate(grants, run.poolId) ? run : undefined;
}

const atWork = (options?: ErrorOptions): CommonplaceError =>
  new CommonplaceError('CONFLICT', 'A run is at work in the pool already; wait for its end.', {}, options);
