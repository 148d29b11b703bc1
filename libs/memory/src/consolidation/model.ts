import type { Language } from '#access';
import { raceDeadline } from '#kernel';
import type { Unit } from '#platform';
import { LIMITS } from '../input.js';
import type { ConsolidationMode, StoredChange } from './consolidation.js';
import type { Contradiction, Fact } from './contradictions.js';
import { readContents, type PoolScope } from './snapshot.repository.js';
import { FACTS_AT_ONCE, RULES, type Summarizer } from './summarizer.js';

/** A model that takes longer is as good as down. */
const PATIENCE_MS = 30_000;
/** A model that failed so often in a row is not asked again in the same run. */
const MOST_FAILURES = 3;
/** Of one run; the rest is looked through by the rules. */
const MOST_ASKED_ENTITIES = 200;

/** A summary that was made before its sources are locked: it holds where they are still these, in these versions. */
export interface MadeText {
  text: string;
  sources: string;
}

export const sourcesKey = (sources: readonly { id: string; version: number }[]): string =>
  sources.map(({ id, version }) => `${id}@${version}`).join(' ');

export interface Going {
  /** Tells that the run goes on. */
  hold: () => Promise<void>;
  /** Lets others have the process for a moment. */
  pause: () => Promise<void>;
}

export interface Reach extends Pick<Going, 'hold'> {
  read: <Result>(work: (unit: Unit, scope: PoolScope) => Promise<Result>) => Promise<Result>;
}

/** The summarizer as a run asks it: outside units of work, with an end to each question, and with the rules in its place when it fails. */
export class Model {
  private failures = 0;

  constructor(
    private readonly summarizer: Summarizer,
    private readonly onFallback: (error: unknown) => void,
    /** The broker stops: no answer is waited for any more, and what it aborts with is thrown. */
    private readonly stop: AbortSignal,
  ) {}

  get mode(): ConsolidationMode {
    return this.summarizer.mode;
  }

  async contradictions(
    entities: readonly (readonly Fact[])[],
    { hold, pause }: Going,
  ): Promise<{ found: Contradiction[]; fallbacks: number }> {
    const found: Contradiction[] = [];
    let fallbacks = 0;
    for (const [place, facts] of entities.entries()) {
      await pause();
      const newest = facts.slice(-FACTS_AT_ONCE);
      const asked =
        place < MOST_ASKED_ENTITIES
          ? await this.ask((signal) => this.summarizer.contradictions(newest, signal), hold)
          : null;
      if (asked === undefined) fallbacks++;
      found.push(...(asked ?? (await RULES.contradictions(facts, NEVER))));
    }
    return { found, fallbacks };
  }

  /** By the places of the changes; of those that are not there the rules make one, from what is locked then. */
  async summaries(
    changes: readonly StoredChange[],
    language: Language,
    { read, hold }: Reach,
  ): Promise<{ found: Map<number, MadeText>; fallbacks: number }> {
    const found = new Map<number, MadeText>();
    let fallbacks = 0;
    for (const { kind, place, memoryIds } of changes) {
      if (kind !== 'SUMMARIZED' || this.mode === 'RULES') continue;
      const sources = await read((unit, scope) => readContents(unit, scope, memoryIds));
      const passages = { texts: sources.map(({ content }) => content), speaker: sources[0]?.speaker ?? null, language };
      const text = await this.ask(
        async (signal) => assertText(await this.summarizer.summarize(passages, signal)),
        hold,
      );
      if (text === undefined) fallbacks++;
      else if (text !== null) found.set(place, { text, sources: sourcesKey(sources) });
    }
    return { found, fallbacks };
  }

  /** @returns null where it is not asked, undefined where it failed or is asked no more */
  private async ask<Answer>(
    work: (signal: AbortSignal) => Promise<Answer>,
    hold: () => Promise<void>,
  ): Promise<Answer | null | undefined> {
    if (this.mode === 'RULES') return null;
    if (this.failures >= MOST_FAILURES) return undefined;
    this.stop.throwIfAborted();
    await hold();
    try {
      const answer = await raceDeadline(PATIENCE_MS, work, this.stop);
      this.failures = 0;
      return answer;
    } catch (error) {
      // That is no failure of the model: whoever takes the run up asks again.
      this.stop.throwIfAborted();
      this.failures++;
      this.onFallback(error);
      return undefined;
    }
  }
}

function assertText(text: unknown): string {
  if (typeof text !== 'string' || text.trim() === '' || text.length > LIMITS.content)
    throw new Error(`The model made no summary: text of 1 to ${LIMITS.content} characters was wanted.`);
  return text;
}

const NEVER = new AbortController().signal;
