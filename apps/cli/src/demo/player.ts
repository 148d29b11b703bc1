import { BrokerError, describeError } from '../broker-client.js';
import { type MemorizeInput } from '../import/memorize-input.js';
import { FORGET, MEMORIZE_MANY, PROMOTE, RECALL, REVIEW, REVISE } from './documents.js';
import { type DemoHit, type DemoMemory, type MemorizeManyPayload, type MemorizePayload } from './documents.js';
import { type ForgetStep, type MemorizeStep, type PromoteStep, type RecallStep } from './step.js';
import { type ReviewStep, type ReviseStep, type Step } from './step.js';
import { type Member, type Team } from './team.js';
import { type Terminal } from './terminal.js';

const COLUMNS = [12, 8, 8, 8, 9];
const LARGEST_BATCH = 100;
const DENIALS = new Set(['FORBIDDEN', 'NOT_FOUND']);

/** What the story left behind, for the views that follow it. */
export class Played {
  stored = 0;
  proposed = 0;
  duplicates = 0;
  /** None under the default policy. */
  denied = 0;
  /** Steps that failed for another reason than the policy. */
  readonly problems: string[] = [];
  /** By the id of the step that told it first. */
  readonly memories = new Map<string, DemoMemory>();
  /** Memories that every reader of the pool must have heard of: id → pool. */
  readonly changed = new Map<string, string>();
}

/** Tells a story to the broker, each step as the agent of its role, and prints what the broker made of it. */
export class Player {
  readonly played = new Played();

  constructor(
    private readonly team: Team,
    private readonly run: string,
    private readonly terminal: Terminal,
  ) {}

  async play(steps: readonly Step[]): Promise<Played> {
    for (const together of inTurns(steps)) {
      const [first] = together;
      if (first?.verb === 'memorize') await this.memorize(together as MemorizeStep[]);
      else if (first) await this.playOne(first);
    }
    return this.played;
  }

  private async playOne(step: Exclude<Step, MemorizeStep>): Promise<void> {
    const { client } = this.team[step.role];
    try {
      if (step.verb === 'recall') return await this.recall(step, client);
      const memory = this.played.memories.get(step.of);
      if (!memory) return this.tell(step, '', 'SKIPPED', `nothing was stored as ${step.of}`);
      if (step.verb === 'revise') await this.revise(step, memory, client);
      else if (step.verb === 'forget') await this.forget(step, memory, client);
      else if (step.verb === 'review') await this.review(step, memory, client);
      else await this.promote(step, memory, client);
    } catch (error) {
      this.refuse(step, error);
    }
  }

  private async memorize(steps: MemorizeStep[]): Promise<void> {
    const { client, role } = this.team[(steps[0] as MemorizeStep).role];
    const inputs = steps.map((step) => this.inputOf(step));
    const { memorizeMany } = await client.request<{ memorizeMany: MemorizeManyPayload }>(
      MEMORIZE_MANY,
      { inputs },
      { repeatable: true },
    );
    const failures = new Map(memorizeMany.failures.map((failure) => [failure.index, failure]));
    const results = memorizeMany.results.values();
    steps.forEach((step, index) => {
      const failure = failures.get(index);
      if (failure) return this.refuse(step, new BrokerError(failure.code, failure.message));
      const payload = results.next().value;
      if (payload) this.keep(step, payload, step.content, step.pool ?? role);
    });
  }

  private inputOf(step: MemorizeStep): MemorizeInput {
    return {
      content: step.content,
      type: step.type,
      ...(step.pool && { pool: step.pool }),
      sessionId: step.session,
      ...(step.entity && { entityId: step.entity }),
      ...(step.importance && { importance: step.importance }),
      ...(step.labels && { labels: step.labels }),
      validFrom: step.at,
      idempotencyKey: `demo-${this.run}-${step.id}`,
    };
  }

  private keep(step: Step, { memory, outcome }: MemorizePayload, text: string, pool: string): void {
    const { played } = this;
    played.memories.set(step.id, memory);
    if (outcome === 'CREATED') {
      played.stored++;
      played.changed.set(memory.id, pool);
    } else if (outcome === 'PROPOSED') played.proposed++;
    else if (outcome === 'DUPLICATE') played.duplicates++;
    this.tell(step, pool, outcome, outcome === 'DUPLICATE' ? `(told before) ${text}` : text);
  }

  private async revise(step: ReviseStep, memory: DemoMemory, client: Member['client']): Promise<void> {
    const pool = memory.pool.key;
    if (memory.content === step.content) return this.tell(step, pool, 'STANDS', `(revised before) ${step.content}`);
    const input = { id: memory.id, expectedVersion: memory.version, content: step.content, reason: step.reason };
    try {
      const { revise } = await client.request<{ revise: DemoMemory }>(REVISE, { input });
      this.played.memories.set(step.of, revise);
      this.played.changed.set(revise.id, pool);
      this.tell(step, pool, `v${revise.version}`, `${step.content} — because: ${step.reason}`);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'CONFLICT') throw error;
      await this.dropOutdated(step, memory, client);
    }
  }

  /** On a later run the corrected words stand already: the old ones, told anew, must not stand beside them. */
  private async dropOutdated(step: ReviseStep, memory: DemoMemory, client: Member['client']): Promise<void> {
    await client.request(FORGET, { id: memory.id, reason: step.reason });
    this.played.changed.set(memory.id, memory.pool.key);
    this.tell(
      step,
      memory.pool.key,
      'STANDS',
      `(corrected in an earlier run; the old words are forgotten) ${step.content}`,
    );
  }

  private async forget(step: ForgetStep, memory: DemoMemory, client: Member['client']): Promise<void> {
    await client.request(FORGET, { id: memory.id, reason: step.reason });
    this.played.changed.set(memory.id, memory.pool.key);
    this.tell(step, memory.pool.key, 'FORGOTTEN', `because: ${step.reason}`);
  }

  private async review(step: ReviewStep, memory: DemoMemory, client: Member['client']): Promise<void> {
    const pool = memory.pool.key;
    if (memory.status !== 'PROPOSED') return this.tell(step, pool, memory.status, '(decided in an earlier run)');
    const variables = { id: memory.id, approve: step.approve, comment: step.comment };
    const { review } = await client.request<{ review: DemoMemory }>(REVIEW, variables);
    this.played.memories.set(step.of, review);
    if (step.approve) this.played.changed.set(review.id, pool);
    this.tell(step, pool, review.status, `${step.approve ? 'approved' : 'refused'}: ${step.comment}`);
  }

  private async promote(step: PromoteStep, memory: DemoMemory, client: Member['client']): Promise<void> {
    const { promote } = await client.request<{ promote: MemorizePayload }>(PROMOTE, {
      id: memory.id,
      toPool: step.toPool,
    });
    this.keep(step, promote, `from ${memory.pool.key}: ${memory.content ?? ''}`, step.toPool);
  }

  private async recall(step: RecallStep, client: Member['client']): Promise<void> {
    const input = { query: step.query, limit: 1 };
    const { recall } = await client.request<{ recall: { hits: DemoHit[] } }>(RECALL, { input });
    const [hit] = recall.hits;
    this.tell(step, '', '', step.query);
    this.tell(
      step,
      hit?.memory.pool.key ?? '',
      hit ? hit.score.toFixed(2) : 'NOTHING',
      `→ ${hit?.memory.content ?? 'no memory found'}`,
    );
  }

  private refuse(step: Step, error: unknown): void {
    if (!(error instanceof BrokerError)) throw error;
    if (DENIALS.has(error.code)) this.played.denied++;
    else this.played.problems.push(`the step ${step.id} failed: ${describeError(error)}`);
    this.tell(step, '', 'REFUSED', describeError(error));
  }

  private tell(step: Step, pool: string, outcome: string, text: string): void {
    const at = `${step.at.slice(5, 10)} ${step.at.slice(11, 16)}`;
    this.terminal.row([at, step.role, step.verb, pool, outcome, text], COLUMNS);
  }
}

/** Neighbouring memorize steps of one agent go in one request, in their order. */
export function inTurns(steps: readonly Step[]): Step[][] {
  const turns: Step[][] = [];
  for (const step of steps) {
    const turn = turns.at(-1);
    const last = turn?.at(-1);
    const joins = step.verb === 'memorize' && last?.verb === 'memorize' && last.role === step.role;
    if (turn && joins && turn.length < LARGEST_BATCH) turn.push(step);
    else turns.push([step]);
  }
  return turns;
}
