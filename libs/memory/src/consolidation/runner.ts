import { findToldApart, type AccessService, type Language } from '#access';
import type { Clock } from '#kernel';
import type { JobQueue, Unit } from '#platform';
import { setImmediate } from 'node:timers/promises';
import type { MemoryIndex } from '../memory-index.js';
import { analyseMemory } from '../recall/analysis.js';
import { applyBatch, undoBatch } from './batch.js';
import type { Read } from './duplicates.js';
import { NO_COUNTS, countsOf } from './effects.js';
import { findStart, finish, holdOn, nextChanges, settleChanges, storePlan, type Leased } from './lease.repository.js';
import { Model } from './model.js';
import { factsByEntity, planChanges } from './plan.js';
import { dropOldRuns } from './runs.repository.js';
import { readHeld } from './snapshot.repository.js';
import type { Summarizer } from './summarizer.js';

/** A run looks at so many memories at most, and at so many characters; the next begins behind them. */
const MOST_READ = 20_000;
const MOST_CHARACTERS = 16_000_000;
const PAGE = 500;

export interface RunnerParts {
  access: AccessService;
  index: MemoryIndex;
  jobs: JobQueue;
  clock: Clock;
  summarizer: Summarizer;
}

export interface RunnerPace {
  /** Steps in one unit of work. */
  batch: number;
  leaseMs: number;
}

/** The broker stops; the run is left as it is. */
export class Stopped extends Error {}

/** Another broker has the run by now. */
export class LeaseLost extends Error {}

/** Brings a run forward, unit by unit; what was committed is never done again, so a run may end anywhere and be taken up elsewhere. */
export class Runner {
  private readonly model: Model;

  constructor(
    private readonly parts: RunnerParts,
    private readonly pace: RunnerPace,
    onFallback: (error: unknown) => void,
    /** Aborted with {@link Stopped}. */
    private readonly stop: AbortSignal,
  ) {
    this.model = new Model(parts.summarizer, onFallback, stop);
  }

  /** The next unit. @returns whether there is more to do. @throws LeaseLost, Stopped */
  async advance(run: Leased): Promise<boolean> {
    if (run.undoing) return this.undo(run);
    if (run.planned) return this.apply(run);
    await this.plan(run);
    run.planned = true;
    return true;
  }

  private async plan(run: Leased): Promise<void> {
    const pause = this.pauseIn(run);
    const { reads, readTo } = await this.readPool(run, pause);
    const entities = factsByEntity(reads.map(({ memory }) => memory));
    const { found, fallbacks } = await this.model.contradictions(entities, { hold: () => this.hold(run), pause });
    const told = await this.inUnit((unit, orgId) => findToldApart(unit, orgId));
    const planning = { now: run.asOf, olderThanDays: run.olderThanDays, told, pause };
    const changes = await planChanges(reads, found, planning);
    await this.inUnit(async (unit, orgId) => {
      await this.holdOn(unit, run);
      await storePlan(unit, orgId, run, { changes, mode: this.model.mode, fallbacks, readTo });
      if (!run.dryRun) return;
      const counts = countsOf(changes.map(({ kind, memories }) => ({ kind, memories: memories.length, skipped: 0 })));
      await settleChanges(unit, orgId, run, { changes: [], counts, fallbacks: 0 });
    });
  }

  private async readPool(run: Leased, pause: () => Promise<void>): Promise<{ reads: Read[]; readTo: string | null }> {
    const language = await this.languageOf(run.poolId);
    const scope = { orgId: this.parts.access.orgId, poolId: run.poolId };
    const reads: Read[] = [];
    let characters = 0;
    let after = await this.inUnit((unit, orgId) => findStart(unit, orgId, run.poolId));
    while (reads.length < MOST_READ && characters < MOST_CHARACTERS) {
      await pause();
      const from = after;
      const page = await this.inUnit((unit) => readHeld(unit, scope, { after: from, atMost: PAGE }));
      reads.push(...page.map((memory) => ({ memory, terms: analyseMemory(memory, language) })));
      characters += page.reduce((sum, { content }) => sum + content.length, 0);
      if (page.length < PAGE) return { reads, readTo: null };
      after = page.at(-1)?.id ?? null;
    }
    return { reads, readTo: after };
  }

  private async apply(run: Leased): Promise<boolean> {
    if (run.dryRun) return this.end(run, 'SUCCEEDED');
    const { access, index, jobs, clock } = this.parts;
    const next = await this.inUnit((unit, orgId) => nextChanges(unit, orgId, run, this.pace.batch));
    if (next.length === 0) return this.end(run, 'SUCCEEDED');
    const language = await this.languageOf(run.poolId);
    const scope = { orgId: access.orgId, poolId: run.poolId };
    const texts = await this.model.summaries(next, language, {
      read: (work) => this.inUnit((unit) => work(unit, scope)),
      hold: () => this.hold(run),
    });
    const space = await index.space();
    await this.inUnit(async (unit, orgId) => {
      await this.holdOn(unit, run);
      const now = clock.now();
      const { made, ...settled } = await applyBatch(unit, scope, next, { language, now, texts: texts.found });
      await settleChanges(unit, orgId, run, { ...settled, fallbacks: texts.fallbacks });
      if (space !== null && made.length > 0) await jobs.enqueue(unit, 'embed', { memoryIds: made });
    });
    return true;
  }

  private async undo(run: Leased): Promise<boolean> {
    const scope = { orgId: this.parts.access.orgId, poolId: run.poolId };
    const more = await this.inUnit(async (unit, orgId) => {
      await this.holdOn(unit, run);
      const next = await nextChanges(unit, orgId, run, this.pace.batch);
      if (next.length === 0) return false;
      const { changes, left } = await undoBatch(unit, scope, next, this.parts.clock.now());
      await settleChanges(unit, orgId, run, { changes, counts: { ...NO_COUNTS, left }, fallbacks: 0 });
      return true;
    });
    return more || this.end(run, 'UNDONE');
  }

  private async end(run: Leased, status: 'SUCCEEDED' | 'UNDONE'): Promise<false> {
    await this.inUnit(async (unit, orgId) => {
      await finish(unit, orgId, run, { status, error: null });
      await dropOldRuns(unit, orgId, run.poolId);
    });
    return false;
  }

  private async languageOf(poolId: string): Promise<Language> {
    const pool = await this.parts.access.pool(poolId);
    if (!pool) throw new Error(`pool ${poolId} is not in the directory`);
    return pool.language;
  }

  /** Lets others have the process for a moment, and holds on to the run long before its lease ends. */
  private pauseIn(run: Leased): () => Promise<void> {
    let held = performance.now();
    return async () => {
      await setImmediate();
      this.stop.throwIfAborted();
      if (performance.now() - held < this.pace.leaseMs / 3) return;
      await this.hold(run);
      held = performance.now();
    };
  }

  /** While a model thinks. */
  private hold(run: Leased): Promise<void> {
    return this.inUnit((unit) => this.holdOn(unit, run));
  }

  private async holdOn(unit: Unit, run: Leased): Promise<void> {
    if (!(await holdOn(unit, this.parts.access.orgId, run, this.pace.leaseMs))) throw new LeaseLost();
  }

  private inUnit<Result>(work: (unit: Unit, orgId: string) => Promise<Result>): Promise<Result> {
    const { access } = this.parts;
    return access.system('consolidate', (unit) => work(unit, access.orgId));
  }
}
