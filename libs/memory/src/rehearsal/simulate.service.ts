import {
  affectedBy,
  simulatePool,
  type AccessService,
  type Action,
  type Principal,
  type Rehearsal,
  type RehearsalService,
  type SimulatedCell,
} from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { countChanges, type Counts } from './simulate.repository.js';

/** Roles × pools × actions that are compared, each in some microseconds. */
const MAX_CELLS = 200_000;
const MAX_CHANGES = 5_000;
/** Of comparing, and again of counting, over all pools; one statement has its own limit. */
const LONGEST_MS = 12_000;

export interface AccessChange {
  role: string;
  pool: string;
  action: Action;
  asOwner: boolean;
  before: boolean;
  after: boolean;
  memoriesGained: number;
  memoriesLost: number;
}

export interface Simulation {
  valid: boolean;
  problems: string[];
  changes: AccessChange[];
}

/** What a draft of the policy would change, counted on what is stored now. Nothing of it takes effect. */
export class SimulateService {
  constructor(
    private readonly access: AccessService,
    private readonly rehearsals: RehearsalService,
    private readonly clock: Clock,
  ) {}

  /**
   * A draft that could not be activated is answered with its problems and no changes.
   * @throws FORBIDDEN to whoever may not ADMINISTER; QUOTA_EXCEEDED where it would change too much to tell; CONFLICT when
   * another version became active meanwhile
   */
  async simulate(caller: Principal, statements: readonly unknown[]): Promise<Simulation> {
    const rehearsal = await this.rehearsals.prepare(caller, statements);
    if (rehearsal.problems.length > 0) return { valid: false, problems: rehearsal.problems, changes: [] };
    const changes = await this.count(await cellsOf(rehearsal));
    // Counting took its time, beyond the caller's own reach: it is told only if the caller still administers.
    await this.rehearsals.confirm(caller, rehearsal);
    return { valid: true, problems: [], changes };
  }

  /** As the service itself: an admin may ask how many memories of a private pool would be shown, and read none of them. */
  private count(pools: readonly SimulatedCell[][]): Promise<AccessChange[]> {
    const end = Date.now() + LONGEST_MS;
    return this.access.system('simulate', async (unit) => {
      const changes: AccessChange[] = [];
      for (const cells of pools) {
        if (Date.now() > end) throw tooMuch(`${pools.length} pools, which take too long to count in one request`);
        const of = { orgId: this.access.orgId, poolId: (cells[0] as SimulatedCell).pool.id, now: this.clock.now() };
        const counts = await countChanges(unit, of, cells);
        cells.forEach((cell, place) => changes.push(changeOf(cell, counts[place] as Counts)));
      }
      return changes;
    });
  }
}

/** By pool, for each is counted by itself. */
async function cellsOf({ before, after, roles, pools, owners }: Rehearsal): Promise<SimulatedCell[][]> {
  const affected = affectedBy({ before, after }, roles);
  const asked = affected.roles.length * affected.actions.length * pools.length;
  if (asked > MAX_CELLS) throw tooMuch(`${asked} combinations of role, pool and action`);
  const end = Date.now() + LONGEST_MS;
  const byPool: SimulatedCell[][] = [];
  let changed = 0;
  for (const pool of pools) {
    const cells = simulatePool({ before, after }, affected, pool, { pools, owners });
    if (cells.length > 0) byPool.push(cells);
    changed += cells.length;
    if (changed > MAX_CHANGES) throw tooMuch(`more than ${MAX_CHANGES} combinations of role, pool and action`);
    if (Date.now() > end) throw tooMuch(`${pools.length} pools, which take too long to compare in one request`);
    // Others are answered between two pools.
    await nextTurn();
  }
  return byPool;
}

function changeOf(
  { role, pool, action, asOwner, before, after }: SimulatedCell,
  { gained, lost }: Counts,
): AccessChange {
  return { role, pool: pool.key, action, asOwner, before, after, memoriesGained: gained, memoriesLost: lost };
}

function tooMuch(what: string): CommonplaceError {
  return new CommonplaceError('QUOTA_EXCEEDED', `The draft would change ${what}. Simulate it in smaller steps.`);
}
