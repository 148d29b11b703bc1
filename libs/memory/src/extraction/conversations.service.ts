import type { AccessService, Grants, Principal } from '#access';
import { CommonplaceError, newId, notFound, type Clock } from '#kernel';
import type { JobQueue, Unit } from '#platform';
import { requiredId } from '../input.js';
import { open, type Batch, type Item, type Placed } from '../memorize/batch.js';
import type { MemorizeService } from '../memorize/memorize.service.js';
import type { Memorized, Memory } from '../memory.js';
import type { MemoryIndex } from '../memory-index.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import { parseConversation, type Conversation, type ConversationInput } from './conversation.js';
import type { Extraction, Part, ShownExtraction } from './extraction.js';
import {
  findByKey,
  findExtraction,
  findParts,
  insertExtraction,
  insertParts,
  queueAgain,
} from './extraction.repository.js';

export const EXTRACT_JOB = 'extract';
export interface ExtractJob {
  extractionId: string;
}

export interface MemorizedConversation {
  /** One a message, those left out that held nothing but what was recalled. */
  results: Memorized[];
  extraction: ShownExtraction;
}

const NO_MODEL = 'No language model is configured: the turns are stored, and nothing is learnt from them.';

/** The key was used before: what was stored meanwhile is undone. */
class UsedBefore extends Error {}

/** Stores conversations, and has learnt from them what is worth keeping. */
export class ConversationsService {
  private readonly jobs: JobQueue | undefined;

  /** @param parts.jobs undefined where nobody takes the jobs, for no language model is configured */
  constructor(
    private readonly parts: {
      access: AccessService;
      memorize: MemorizeService;
      index: MemoryIndex;
      jobs: JobQueue | undefined;
      /** Of which nothing came for so long, has lost its job. */
      lostAfterSeconds: number;
      clock: Clock;
    },
  ) {
    this.jobs = parts.jobs;
  }

  /** All turns are stored, or none. @throws BAD_INPUT, FORBIDDEN; CONFLICT for a key that was used for another conversation */
  async memorizeConversation(caller: Principal, input: ConversationInput): Promise<MemorizedConversation> {
    const conversation = parseConversation(input, this.parts.clock);
    const before = await this.answered(caller, conversation);
    if (before) return before;
    const { turns, places } = conversation;
    try {
      let extraction: Extraction | undefined;
      const path = (index: number) => `input.messages.${places[index]}`;
      const after = async (batch: Batch, stored: readonly Item[]) => {
        extraction = await this.begin(batch, stored, conversation);
      };
      const items = await this.parts.memorize.memorizeTogether(caller, turns, path, { after });
      const results = items.map(({ result }) => result as Memorized);
      const memories = results.map(({ memory }) => memory);
      return { results, extraction: { ...(extraction as Extraction), turns: memories, derived: [], superseded: [] } };
    } catch (error) {
      const answer = error instanceof UsedBefore ? await this.answered(caller, conversation) : undefined;
      if (answer) return answer;
      throw error;
    }
  }

  /** Null where there is none, or it is another's. */
  async extraction(caller: Principal, id: string): Promise<ShownExtraction | null> {
    const wanted = requiredId(id, 'id');
    return this.read(caller, async (unit, scope) => {
      const found = await findExtraction(unit, caller, wanted);
      return found ? (await this.shown(unit, scope, found)).extraction : null;
    });
  }

  /** From where it stopped; nothing where it is still under way. @throws NOT_FOUND; CONFLICT where it is done; UNAVAILABLE where there is no model */
  async retryExtraction(caller: Principal, id: string): Promise<ShownExtraction> {
    const wanted = requiredId(id, 'id');
    const { jobs } = this;
    await this.parts.access.write(caller, async (unit) => {
      const found = await findExtraction(unit, caller, wanted);
      if (!found) throw notFound('The extraction');
      if (!jobs) throw new CommonplaceError('UNAVAILABLE', NO_MODEL);
      if (found.status === 'SUCCEEDED')
        throw new CommonplaceError('CONFLICT', 'The extraction has SUCCEEDED; there is nothing left of it to try.');
      if (await queueAgain(unit, caller, wanted, this.parts.lostAfterSeconds))
        await jobs.enqueue(unit, EXTRACT_JOB, { extractionId: wanted });
    });
    return (await this.extraction(caller, wanted)) as ShownExtraction;
  }

  /** In the transaction that stores the turns: neither is there without the other. */
  private async begin(
    { unit, caller }: Batch,
    items: readonly Item[],
    { idempotencyKey, inputHash }: Conversation,
  ): Promise<Extraction> {
    for (const { error } of items) if (error) throw error;
    const [{ pool }] = open(items) as [Placed];
    const { jobs } = this;
    const [status, error] = jobs ? (['QUEUED', null] as const) : (['SKIPPED', NO_MODEL] as const);
    const extraction = await insertExtraction(unit, caller, {
      id: newId(),
      poolId: pool.id,
      status,
      error,
      idempotencyKey,
      inputHash,
    });
    if (!extraction) throw new UsedBefore();
    const memories = items.map(({ result }) => ({
      memoryId: (result as Memorized).memory.id,
      outcome: (result as Memorized).outcome,
    }));
    await insertParts(unit, caller, extraction.id, { part: 'TURN', memories });
    await jobs?.enqueue(unit, EXTRACT_JOB, { extractionId: extraction.id });
    return extraction;
  }

  private async answered(caller: Principal, conversation: Conversation): Promise<MemorizedConversation | undefined> {
    const { idempotencyKey, inputHash } = conversation;
    if (idempotencyKey === null) return undefined;
    return this.read(caller, async (unit, scope) => {
      const found = await findByKey(unit, caller, idempotencyKey);
      if (!found) return undefined;
      if (!found.inputHash.equals(inputHash))
        throw new CommonplaceError('CONFLICT', 'The idempotency key was used for another conversation.');
      return this.shown(unit, scope, found);
    });
  }

  private async shown(unit: Unit, scope: ReadScope, extraction: Extraction): Promise<MemorizedConversation> {
    const parts = await findParts(unit, scope.orgId, extraction.id);
    const ids = [...new Set(parts.map(({ memoryId }) => memoryId))];
    const seen = new Map((await findMemories(unit, scope, ids)).map((memory) => [memory.id, memory]));
    const of = (wanted: Part) => parts.filter(({ part }) => part === wanted);
    const memories = (part: Part): Memory[] => of(part).flatMap(({ memoryId }) => seen.get(memoryId) ?? []);
    const results = of('TURN').flatMap(({ memoryId, outcome }) => {
      const memory = seen.get(memoryId);
      return memory && outcome ? [{ memory, outcome, indexed: memory.indexed }] : [];
    });
    const { id, poolId, status, attempts, turnsRead, refused, error, createdAt, finishedAt } = extraction;
    const told = { id, poolId, status, attempts, turnsRead, refused, error, createdAt, finishedAt };
    const lists = { turns: memories('TURN'), derived: memories('DERIVED'), superseded: memories('SUPERSEDED') };
    return { results, extraction: { ...told, ...lists } };
  }

  private async read<Result>(
    caller: Principal,
    work: (unit: Unit, scope: ReadScope, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    const { access, index, clock } = this.parts;
    const space = await index.space();
    return access.read(caller, (unit, grants) =>
      work(unit, { orgId: caller.orgId, filter: grants.readFilter, now: clock.now(), space }, grants),
    );
  }
}
