import type { AccessService } from '#access';
import { EmbedderError, type Embedder } from '#embedding';
import { newId, type Clock } from '#kernel';
import { Rounds, type Unit } from '#platform';
import { storeUnchanged } from '../embed-backlog.js';
import { findContents, type Content } from '../memory-index.repository.js';
import type { MemoryIndex } from '../memory-index.js';
import { KNOWN_FOR_MS, type EmbeddingSpaces } from './embedding-spaces.js';
import {
  countLacking,
  countVectors,
  emptySpace,
  findEmptied,
  findLacking,
  lacksAny,
  leaveSpaces,
  lockSpaces,
  removeSpace,
  setState,
  takeSpace,
  type Space,
} from './spaces.repository.js';

const BATCH = 32;
const EMPTIED_AT_ONCE = 2_000;
/** More texts than this that the model refuses: it is not the texts, and the space is not exchanged for one without them. */
const MAX_REFUSED = 1_000;
const ROUND_MS = 5_000;
/** What lacks its vector without anybody having noticed, such as by a broker that was killed, is looked for this often. */
const SEARCH_EVERY_MS = 600_000;
/** Renewed while a broker fills a space: when it is killed, another goes on after this. */
const LEASE_MS = 15_000;
/** Other brokers search a space for some seconds after it was exchanged. */
const GRACE_MS = 60_000;
const TOLD_EVERY_MS = 30_000;
const COUNTED_FOR_MS = 30_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export interface IndexProgress {
  /** Memories that have no vector in the space that is searched. */
  backlog: number;
  /** Of the space that is to take its place. */
  building: { embedded: number; lacking: number } | null;
}

export interface FillerParts {
  access: AccessService;
  spaces: EmbeddingSpaces;
  index: MemoryIndex;
  clock: Clock;
  onError: (where: string, error: unknown) => void;
  onProgress: (what: string, details: object) => void;
}

/**
 * Embeds what has no vector: after a change of model everything, into a space beside the one that is searched, which takes its
 * place once it is complete; and whatever was stored before there was a model, or while it was away. What is left to do is
 * what lacks a vector, so there is nothing to remember over a crash. One broker at a time.
 */
export class SpaceFiller {
  private readonly leaseId = newId();
  private readonly rounds = new Rounds(() => this.round(), {
    pauseMs: () => ROUND_MS * (0.75 + Math.random() / 2),
    onError: (error) => {
      // That it failed before was told; every five seconds it would be told again.
      if (!(error instanceof EmbedderError && error.failure === 'RESTING'))
        this.parts.onError('filling the embedding space', error);
    },
  });
  private searchAt = 0;
  private holds = false;
  private counted: { at: number; progress: Promise<IndexProgress> } | undefined;

  constructor(private readonly parts: FillerParts) {}

  start(): void {
    this.rounds.within(0);
  }

  /** Waits for the batch that is under way. */
  stop(): Promise<void> {
    return this.rounds.stop();
  }

  /** All that there is to do now. @throws EmbedderError while the model does not answer */
  async round(): Promise<void> {
    const { spaces, index } = this.parts;
    if (index.takeFailed()) this.searchAt = Math.min(this.searchAt, Date.now());
    try {
      await spaces.settle();
      const { current, building } = await spaces.live();
      if (building && spaces.isOwn(building)) await this.build(building);
      else if (current && spaces.isOwn(current) && Date.now() >= this.searchAt) await this.search(current);
      await this.removeRetired();
    } finally {
      await this.leave();
    }
  }

  /** Counted anew every half minute at most: it looks at every memory. */
  progress(): Promise<IndexProgress> {
    if (!this.counted || Date.now() - this.counted.at > COUNTED_FOR_MS)
      this.counted = { at: Date.now(), progress: this.count() };
    return this.counted.progress;
  }

  private async build(space: Space): Promise<void> {
    const refused = await this.fill(space);
    if (!refused) return;
    const exchanged = await this.exchange(space, refused);
    if (!exchanged) return;
    this.tell('the embedding space was exchanged', space, { refused: refused.length });
    this.parts.spaces.forget();
    // Brokers that did not know of the space yet have written into the old one alone.
    this.searchAt = Date.now() + 2 * KNOWN_FOR_MS;
  }

  private async search(space: Space): Promise<void> {
    if (await this.fill(space)) this.searchAt = Date.now() + SEARCH_EVERY_MS;
  }

  /** @returns the ids of those that the model refuses, once all others were embedded; null where it did not come so far */
  private async fill(space: Space): Promise<string[] | null> {
    const embedder = await this.parts.spaces.embedder(space);
    if (!embedder || !(await this.take(space))) return null;
    const lost = (error: unknown) => this.parts.onError('keeping the embedding space', error);
    const renewing = setInterval(() => void this.take(space).catch(lost), LEASE_MS / 3);
    try {
      return await this.fillAll(space, embedder);
    } finally {
      clearInterval(renewing);
    }
  }

  private async fillAll(space: Space, embedder: Embedder): Promise<string[] | null> {
    const refused: string[] = [];
    const told = { done: 0, total: 0, at: 0 };
    for (let after = FIRST_ID; !this.rounds.stopped;) {
      const batch = await this.next(space, after);
      if (!batch) return null;
      const last = batch.ids.at(-1);
      if (last === undefined) {
        if (told.done > 0)
          this.tell('embedded what had no vector', space, { done: told.done, refused: refused.length });
        return refused;
      }
      refused.push(...(await this.embed(space, embedder, batch.memories)));
      if (refused.length > MAX_REFUSED)
        throw new Error(`the model refuses too many memories: more than ${MAX_REFUSED}. Look at what it answers.`);
      after = last;
      await this.tellProgress(space, told, batch.ids.length);
    }
    return null;
  }

  /** Counted once there is something to tell: it looks at every memory. */
  private async tellProgress(
    space: Space,
    told: { done: number; total: number; at: number },
    more: number,
  ): Promise<void> {
    told.done += more;
    if (Date.now() - told.at < TOLD_EVERY_MS) return;
    const now = this.parts.clock.now();
    if (told.total === 0)
      told.total = told.done + (await this.system((unit, orgId) => countLacking(unit, orgId, space.spaceId, now)));
    told.at = Date.now();
    this.tell('embedding what has no vector', space, { done: told.done, total: told.total });
  }

  /** In the order of their ids. @returns null where another broker is at it by now */
  private next(space: Space, after: string): Promise<{ ids: string[]; memories: Content[] } | null> {
    return this.system(async (unit, orgId) => {
      if (!(await takeSpace(unit, orgId, space, this.lease))) return null;
      const page = { now: this.parts.clock.now(), after, atMost: BATCH };
      const ids = await findLacking(unit, orgId, space.spaceId, page);
      return { ids, memories: ids.length ? await findContents(unit, orgId, ids) : [] };
    });
  }

  /** @returns the ids of those that the model refused */
  private async embed(space: Space, embedder: Embedder, memories: Content[]): Promise<string[]> {
    if (memories.length === 0) return [];
    const vectors = await embedder.embed(
      memories.map((memory) => memory.content),
      'nobody waits',
    );
    const { spaceId } = space;
    const made = vectors.map((embedding) => (embedding ? [{ spaceId, embedding }] : []));
    await this.system((unit, orgId) => storeUnchanged(unit, orgId, memories, made));
    return memories.filter((_, place) => !vectors[place]).map((memory) => memory.id);
  }

  /** Only a complete one takes the place of what is searched. @returns whether it did */
  private exchange(space: Space, refused: readonly string[]): Promise<boolean> {
    return this.system(async (unit, orgId) => {
      const all = await lockSpaces(unit, orgId);
      if (!(await takeSpace(unit, orgId, space, this.lease))) return false;
      const now = this.parts.clock.now();
      if (await lacksAny(unit, orgId, space.spaceId, { now, refused })) return false;
      const current = all.find(({ state }) => state === 'CURRENT');
      if (current) await setState(unit, orgId, current.spaceId, 'RETIRED');
      await setState(unit, orgId, space.spaceId, 'CURRENT');
      return true;
    });
  }

  private async removeRetired(): Promise<void> {
    for (const spaceId of await this.system((unit, orgId) => findEmptied(unit, orgId, GRACE_MS))) {
      const retired = { spaceId, state: 'RETIRED' as const };
      this.holds = true;
      for (let batch = EMPTIED_AT_ONCE; batch === EMPTIED_AT_ONCE && !this.rounds.stopped;) {
        batch = await this.system(async (unit, orgId) =>
          (await takeSpace(unit, orgId, retired, this.lease)) ? emptySpace(unit, orgId, spaceId, EMPTIED_AT_ONCE) : -1,
        );
        if (batch >= 0 && batch < EMPTIED_AT_ONCE)
          await this.system((unit, orgId) => removeSpace(unit, orgId, spaceId));
      }
    }
  }

  private async count(): Promise<IndexProgress> {
    const { current, building } = await this.parts.spaces.live();
    const now = this.parts.clock.now();
    return this.system(async (unit, orgId) => ({
      backlog: current ? await countLacking(unit, orgId, current.spaceId, now) : 0,
      building: building
        ? {
            embedded: await countVectors(unit, orgId, building.spaceId),
            lacking: await countLacking(unit, orgId, building.spaceId, now),
          }
        : null,
    }));
  }

  private async take(space: Space): Promise<boolean> {
    this.holds = true;
    return this.system((unit, orgId) => takeSpace(unit, orgId, space, this.lease));
  }

  private async leave(): Promise<void> {
    if (!this.holds) return;
    this.holds = false;
    await this.system((unit, orgId) => leaveSpaces(unit, orgId, this.leaseId));
  }

  private get lease(): { id: string; ms: number } {
    return { id: this.leaseId, ms: LEASE_MS };
  }

  private tell(what: string, { model, dimensions, state }: Space, details: object): void {
    this.parts.onProgress(what, { model, dimensions, state, ...details });
  }

  private system<Result>(work: (unit: Unit, orgId: string) => Promise<Result>): Promise<Result> {
    const { access } = this.parts;
    return access.system('fill embedding spaces', (unit) => work(unit, access.orgId));
  }
}
