import type { AccessService } from '#access';
import { Rounds, type Unit } from '#platform';
import {
  findOtherLanguages,
  settleLanguage,
  storeAnalysis,
  takeOfPool,
  takeOutdated,
  type OtherLanguage,
  type ToRead,
} from './reanalysis.repository.js';

const BATCH = 200;
const MAX_POOLS = 100;
const FIRST_AFTER_MS = 5_000;
/** A language is set at any time, and a broker of the version before may still be writing while others are replaced. */
const EVERY_MS = 60_000;

/**
 * Reads memories again that an older analysis has read, or that are in a pool whose language was changed since: the words of a
 * question are analysed as both say now, and would not meet theirs. Until then they are found by the words that are read alike.
 */
export class Reanalysis {
  private readonly rounds: Rounds;

  constructor(
    private readonly access: AccessService,
    private readonly onProgress: (read: number) => void,
    onError: (error: unknown) => void,
  ) {
    this.rounds = new Rounds(() => this.run(), { pauseMs: () => EVERY_MS, onError });
  }

  /** Once soon, then every minute, until `stop`. */
  start(): void {
    this.rounds.within(FIRST_AFTER_MS);
  }

  /** Waits for the batch that is under way. */
  stop(): Promise<void> {
    return this.rounds.stop();
  }

  /** @returns how many were read again */
  async run(): Promise<number> {
    let read = 0;
    const tell = (batch: number) => {
      read += batch;
      if (batch > 0) this.onProgress(read);
    };
    for (let batch = BATCH; batch === BATCH && !this.rounds.stopped; tell(batch))
      batch = (await this.readOutdated()).length;
    const pools = await this.inUnit((unit, orgId) => findOtherLanguages(unit, orgId, MAX_POOLS));
    for (const pool of pools) await this.readPool(pool, tell);
    return read;
  }

  private readOutdated(): Promise<ToRead[]> {
    return this.readOnce((unit, orgId) => takeOutdated(unit, orgId, BATCH));
  }

  private async readPool(pool: OtherLanguage, tell: (batch: number) => void): Promise<void> {
    const { poolId } = pool;
    let after: string | null = null;
    for (let full = true; full;) {
      if (this.rounds.stopped) return;
      const from: string | null = after;
      const memories = await this.readOnce((unit, orgId) => takeOfPool(unit, orgId, { poolId, after: from }, BATCH));
      tell(memories.length);
      full = memories.length === BATCH;
      after = memories.at(-1)?.id ?? null;
    }
    await this.inUnit((unit, orgId) => settleLanguage(unit, orgId, pool));
  }

  /** A unit of its own, so that none is long. */
  private readOnce(take: (unit: Unit, orgId: string) => Promise<ToRead[]>): Promise<ToRead[]> {
    return this.inUnit(async (unit, orgId) => {
      const memories = await take(unit, orgId);
      if (memories.length > 0) await storeAnalysis(unit, orgId, memories);
      return memories;
    });
  }

  private inUnit<Result>(work: (unit: Unit, orgId: string) => Promise<Result>): Promise<Result> {
    return this.access.system('read memories again', (unit) => work(unit, this.access.orgId));
  }
}
