import type { AccessService, Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { ChatError, type ChatModel } from '#llm';
import { randomUUID } from 'node:crypto';
import { LIMITS, optionalText, requiredText } from '../input.js';
import type { MemorizeService } from '../memorize/memorize.service.js';
import type { Memorized, Memory } from '../memory.js';
import type { RecallInput } from '../recall/query.js';
import type { RecallResult, RecallService } from '../recall/recall.service.js';
import { answerFrom, NOTHING_FITS } from './from-memory.js';
import { promptFor, type Told } from './prompt.js';

export interface CompleteInput {
  task: string;
  entityId?: string | null;
  useMemory?: boolean | null;
  rememberAnswer?: boolean | null;
  pool?: string | null;
}

export interface Completion {
  text: string;
  source: 'LLM' | 'MEMORY' | 'NONE';
  degraded: boolean;
  /** What was missing: LLM, and what recall says of itself. */
  missing: string[];
  /** Of a MEMORY answer, what it was put together from. */
  memories: Memory[];
  /** Of an LLM answer, what stood in the prompt. */
  recalled: Memory[];
  attempts: number;
  remembered: Memorized | null;
  /** Why the answer was not kept, where the caller had asked for it. */
  notRemembered: string | null;
}

interface Task {
  text: string;
  entityId: string | null;
  useMemory: boolean;
  remember: boolean;
  pool: string | null;
}

/** What a prompt may hold. */
const RECALLED = { limit: 20, tokenBudget: 4_000 };
const PROCEDURES: Partial<RecallInput> = { types: ['PROCEDURAL'], limit: 5, tokenBudget: 12_000 };

/** A task done by the language model with what its caller may recall; by what is remembered where the model does not answer. */
export class CompleteService {
  constructor(
    private readonly access: AccessService,
    private readonly recalls: RecallService,
    private readonly memorize: MemorizeService,
    private readonly model: ChatModel | undefined,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** @throws BAD_INPUT; what the model does is no failure of it. */
  async complete(caller: Principal, input: CompleteInput): Promise<Completion> {
    const task = parseTask(input);
    const recalled = task.useMemory && this.model ? await this.recall(caller, task, RECALLED) : null;
    const told = recalled ? await this.tell(caller, recalled) : [];
    const missing = recalled?.degraded ?? [];
    let attempts = 0;
    try {
      if (this.model) {
        const { answer, attempts: needed } = await this.model.write(promptFor(task.text, told, randomUUID()));
        const memories = told.map(({ memory }) => memory);
        const kept = task.remember ? await this.keep(caller, task, answer, memories) : NOT_KEPT;
        return { ...byModel(answer, missing), recalled: memories, attempts: needed, ...kept };
      }
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      attempts = error.attempts;
      // Why it is left alone was told when it failed.
      if (error.failure !== 'RESTING') this.onFailure(error);
    }
    return { ...(await this.fromMemory(caller, task)), attempts };
  }

  private async fromMemory(caller: Principal, task: Task): Promise<Omit<Completion, 'attempts'>> {
    const found = await this.recall(caller, task, PROCEDURES);
    const told = await this.tell(caller, found);
    const isKnown = told.length > 0;
    return {
      text: isKnown ? answerFrom(told) : NOTHING_FITS,
      source: isKnown ? 'MEMORY' : 'NONE',
      degraded: true,
      missing: ['LLM', ...found.degraded],
      memories: told.map(({ memory }) => memory),
      recalled: [],
      remembered: null,
      notRemembered: task.remember ? 'Only an answer of the language model is kept.' : null,
    };
  }

  private recall(caller: Principal, { text, entityId }: Task, rest: Partial<RecallInput>): Promise<RecallResult> {
    return this.recalls.recall(caller, { query: text, entityId, ...rest });
  }

  /** Hits whose content the caller is shown, with where they come from. */
  private async tell(caller: Principal, { hits }: RecallResult): Promise<Told[]> {
    const memories = hits.map(({ memory }) => memory).filter(({ content }) => content !== null);
    if (memories.length === 0) return [];
    return this.access.read(caller, (_, { pools }) => {
      const keys = new Map(pools.map(({ id, key }) => [id, key]));
      return Promise.resolve(
        memories.map((memory) => ({
          memory,
          pool: keys.get(memory.poolId) ?? memory.poolId,
          authorRole: memory.authorRole,
        })),
      );
    });
  }

  /** By the ordinary way: PROPOSED where the caller may only propose. The answer is the caller's, whether it is kept or not. */
  private async keep(caller: Principal, task: Task, answer: string, from: readonly Memory[]): Promise<Kept> {
    try {
      const remembered = await this.memorize.memorize(caller, {
        content: `${task.text}\n\n${answer}`,
        type: 'PROCEDURAL',
        pool: task.pool,
        entityId: task.entityId,
        labels: ['completion'],
        metadata: { model: this.model?.model ?? null },
        derivedFrom: from.map(({ id }) => id),
      });
      return { remembered, notRemembered: null };
    } catch (error) {
      if (!(error instanceof CommonplaceError)) throw error;
      return { remembered: null, notRemembered: error.message };
    }
  }
}

type Kept = Pick<Completion, 'remembered' | 'notRemembered'>;
const NOT_KEPT: Kept = { remembered: null, notRemembered: null };

const byModel = (text: string, missing: string[]) => ({
  text,
  source: 'LLM' as const,
  degraded: missing.length > 0,
  missing,
  memories: [],
});

function parseTask(input: CompleteInput): Task {
  return {
    text: requiredText(input.task, 'input.task', LIMITS.query),
    entityId: optionalText(input.entityId, 'input.entityId', LIMITS.entityId),
    useMemory: input.useMemory ?? true,
    remember: input.rememberAnswer ?? false,
    pool: optionalText(input.pool, 'input.pool', 64),
  };
}
