import { verdict, type AccessService, type Principal } from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import { ChatError, type ChatModel } from '#llm';
import type { JobQueue, Unit } from '#platform';
import { randomUUID } from 'node:crypto';
import { LIMITS } from '../input.js';
import { isNew, type Batch, type Item } from '../memorize/batch.js';
import type { MemorizeService } from '../memorize/memorize.service.js';
import type { Memorized, Memory } from '../memory.js';
import { appendEvent, findMemories, lockMemory, type ReadScope } from '../memory.repository.js';
import type { RecallService } from '../recall/recall.service.js';
import { EXTRACT_JOB, type ExtractJob } from './conversations.service.js';
import {
  findParts,
  findTask,
  holdRemembered,
  insertParts,
  noteFailure,
  noteRead,
  supersede,
  type ExtractionTask,
} from './extraction.repository.js';
import { inputOf } from './learnt.js';
import { roleOf, suggestionForm, suggestionPrompt, suggestionsIn, type Shown, type Suggestion } from './suggestions.js';

/** With the queue's pauses, which double, about two hours; then it is FAILED, and may be tried again by whoever asked for it. */
const MOST_ATTEMPTS = 12;
/** What the model reads at once. */
const WINDOW_CHARACTERS = 24_000;
const KNOWN = 20;

/** Others have read these turns meanwhile: what was learnt from them here is undone. */
class Overtaken extends Error {}

/** Something that the model was shown is forgotten by now: its words may be in the answer, whether that names it or not. */
class ForgottenMeanwhile extends Error {}

export interface ExtractorParts {
  access: AccessService;
  memorize: MemorizeService;
  recall: RecallService;
  model: ChatModel;
  jobs: JobQueue;
  clock: Clock;
  mostAttempts?: number;
}

/**
 * Learns from conversations, in the name of whoever stored them and with what that principal may do at that moment: it reads what they
 * may read, and stores what they may store.
 */
export class Extractor {
  constructor(private readonly parts: ExtractorParts) {}

  /** @throws where it is worth another try: the queue makes it, later and later */
  async extract({ extractionId }: ExtractJob): Promise<void> {
    const { access, mostAttempts = MOST_ATTEMPTS } = this.parts;
    const task = await access.system('extract', (unit) => findTask(unit, access.orgId, extractionId));
    if (task?.status !== 'QUEUED') return;
    try {
      await this.readTurns(task);
    } catch (error) {
      if (error instanceof Overtaken) return;
      if (error instanceof ForgottenMeanwhile)
        return access.system('extract', (unit) => this.readOn(unit, extractionId));
      const asked = error instanceof ChatError;
      const isFinal = asked ? error.failure === 'REFUSED' || task.attempts + 1 >= mostAttempts : isRefusal(error);
      const told = asked || error instanceof CommonplaceError ? error.message : 'The broker failed.';
      const failure = { status: isFinal ? ('FAILED' as const) : ('QUEUED' as const), error: told, asked };
      await access.system('extract', (unit) => noteFailure(unit, access.orgId, extractionId, failure));
      if (!isFinal) throw error;
    }
  }

  /** As much as the model reads at once; the next job reads on, so that each of them has its end. */
  private async readTurns(task: ExtractionTask): Promise<void> {
    const from = task.turnsRead;
    const { places, turns } = await this.turnsOf(task);
    const [window, ...rest] = windows(turns.filter(({ place }) => place >= from));
    if (!window) return this.finish(task, { from, to: places });
    const isLast = rest.length === 0;
    const to = isLast ? places : (window.at(-1) as Turn).place + 1;
    const memories = window.map(({ memory }) => memory);
    await this.learn(task, memories, { from, to, isLast });
  }

  /** Those that are still there and still theirs to read. What a system message says is no news. */
  private async turnsOf({ id, principal }: ExtractionTask): Promise<{ places: number; turns: Turn[] }> {
    const { access, clock } = this.parts;
    return access.read(principal, async (unit, grants) => {
      const parts = (await findParts(unit, principal.orgId, id)).filter(({ part }) => part === 'TURN');
      const scope = { orgId: principal.orgId, filter: grants.readFilter, now: clock.now(), space: null };
      const seen = await findMemories(unit, scope, [...new Set(parts.map(({ memoryId }) => memoryId))]);
      const memories = new Map(seen.map((memory) => [memory.id, memory]));
      const turns = parts.flatMap(({ memoryId }, place) => {
        const memory = memories.get(memoryId);
        return memory && isRead(memory) ? [{ place, memory }] : [];
      });
      return { places: parts.length, turns };
    });
  }

  private async finish({ id, principal }: ExtractionTask, left: { from: number; to: number }): Promise<void> {
    const progress = { ...left, refused: 0, isLast: true };
    await this.parts.access.write(principal, (unit) => noteRead(unit, principal, id, progress));
  }

  private async learn(
    task: ExtractionTask,
    turns: readonly Memory[],
    place: { from: number; to: number; isLast: boolean },
  ): Promise<void> {
    const { principal } = task;
    const pool = (await this.parts.access.pool(task.poolId))?.key as string;
    const shown: Shown = { turns, known: await this.known(principal, pool, turns) };
    const { answer } = await this.parts.model.fill(suggestionPrompt(shown, randomUUID()), suggestionForm(shown));
    const all = suggestionsIn(answer);
    const now = this.parts.clock.now();
    const learnt = all.flatMap((suggestion) => {
      const input = inputOf(suggestion, shown, { pool, now });
      return input ? [{ suggestion, input }] : [];
    });
    const refusedBefore = all.length - learnt.length;
    const note = async (unit: Unit, refused: number) => {
      if (!(await noteRead(unit, principal, task.id, { ...place, refused }))) throw new Overtaken();
      if (!place.isLast) await this.readOn(unit, task.id);
    };
    if (learnt.length === 0) return this.parts.access.write(principal, (unit) => note(unit, refusedBefore));
    await this.parts.memorize.memorizeTogether(
      principal,
      learnt.map(({ input }) => input),
      (index) => `memories.${index}`,
      {
        before: ({ unit }) => assertRemembered(unit, principal, [...shown.turns, ...shown.known]),
        after: async (batch, items) => {
          await note(batch.unit, refusedBefore + items.filter(({ error }) => error).length);
          const taken = learnt.map(({ suggestion }) => suggestion);
          await this.keep(batch, task, { items, taken, shown });
        },
      },
    );
  }

  private readOn(unit: Unit, extractionId: string): Promise<void> {
    return this.parts.jobs.enqueue(unit, EXTRACT_JOB, { extractionId } satisfies ExtractJob);
  }

  /** What is remembered of the same in the same pool, as far as the principal may read it. */
  private async known(principal: Principal, pool: string, turns: readonly Memory[]): Promise<Memory[]> {
    const query = turns.map(({ content }) => content).join('\n');
    const { hits } = await this.parts.recall.look(principal, {
      query: query.slice(0, LIMITS.query).toWellFormed(),
      pools: [pool],
      types: ['DECLARATIVE', 'PROCEDURAL'],
      entityId: turns[0]?.entityId ?? null,
      limit: KNOWN,
    });
    return hits.map(({ memory }) => memory).filter(({ content }) => content !== null);
  }

  private async keep(
    batch: Batch,
    { id }: ExtractionTask,
    { items, taken, shown }: { items: readonly Item[]; taken: readonly Suggestion[]; shown: Shown },
  ): Promise<void> {
    const { unit, caller } = batch;
    const stored = items.flatMap(({ result }) =>
      result ? [{ memoryId: result.memory.id, outcome: result.outcome }] : [],
    );
    await insertParts(unit, caller, id, { part: 'DERIVED', memories: stored });
    const gone: string[] = [];
    for (const [place, item] of items.entries()) {
      const old = shown.known[taken[place]?.supersedes ?? -1];
      if (old && !gone.includes(old.id) && (await this.replace(batch, old, item))) gone.push(old.id);
    }
    const memories = gone.map((memoryId) => ({ memoryId, outcome: null }));
    await insertParts(unit, caller, id, { part: 'SUPERSEDED', memories });
  }

  /** Only where the new one is there for all, the old one is what the model was shown, and its author might change it by hand too. */
  private async replace({ unit, caller, grants, now }: Batch, old: Memory, item: Item): Promise<boolean> {
    if (!isNew(item) || item.status !== 'ACTIVE') return false;
    const { memory: by } = item.result as Memorized;
    const scope: ReadScope = { orgId: caller.orgId, filter: grants.readFilter, now, space: null };
    const found = await lockMemory(unit, scope, old.id);
    if (found?.status !== 'ACTIVE' || found.version !== old.version || found.type !== by.type) return false;
    if (found.poolId !== by.poolId || !verdict(grants.access, 'REVISE', found).allowed) return false;
    await supersede(unit, caller, { id: old.id, by: by.id, at: now });
    const { policyVersion } = grants;
    const event = { orgId: caller.orgId, poolId: found.poolId, memoryId: old.id, policyVersion };
    await appendEvent(unit, { ...event, kind: 'SUPERSEDED', active: -1 });
    return true;
  }
}

async function assertRemembered(unit: Unit, { orgId }: Principal, shown: readonly Memory[]): Promise<void> {
  const ids = [...new Set(shown.map(({ id }) => id))];
  if (!(await holdRemembered(unit, orgId, ids))) throw new ForgottenMeanwhile();
}

interface Turn {
  place: number;
  memory: Memory;
}

const isRead = (turn: Memory): boolean =>
  turn.content !== null && ['ACTIVE', 'PROPOSED'].includes(turn.status) && roleOf(turn) !== 'SYSTEM';

/** As many turns as the model reads at once, one at least. */
function windows(turns: readonly Turn[]): Turn[][] {
  const all: Turn[][] = [];
  let size = Infinity;
  for (const turn of turns) {
    const length = Math.min(turn.memory.content?.length ?? 0, WINDOW_CHARACTERS);
    if (size + length > WINDOW_CHARACTERS) {
      all.push([]);
      size = 0;
    }
    all.at(-1)?.push(turn);
    size += length;
  }
  return all;
}

/** What will be no better the next time: rights that are gone, input that is not taken. */
const isRefusal = (error: unknown): boolean =>
  error instanceof CommonplaceError && !['UNAVAILABLE', 'INTERNAL', 'RATE_LIMITED'].includes(error.code);
