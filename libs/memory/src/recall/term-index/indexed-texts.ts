import type { ReadFilter } from '#access';
import {
  CANDIDATE_BUDGET,
  isPlain,
  lengthsOf,
  MAX_CANDIDATES,
  MAX_OF_SESSION,
  type Anchor,
  type LexicalSearch,
  type SessionRef,
} from '../recall.repository.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import type { FindNear } from '../../vectors/kept/kept-vectors.js';
import type { Near } from '../../vectors/nearest.js';
import { REACH, type Passage } from '../recipe.js';
import type { Texts } from '../texts.js';
import { isWanted } from './wanted.js';
import { SHOWS_SESSION, SHOWS_SPEAKER, type View } from './decisions.js';
import type { PoolTerms } from './pool-terms.js';

interface Found {
  passages: Passage[];
  counts: Uint8Array;
}

interface Looked {
  pool: PoolTerms;
  view: View;
  /** What another recall takes in meanwhile gets places behind these: by its words and its session it is not there, for it may be a memory that was found as it was before. */
  places: number;
}

/** Who looks, and when. */
export interface Look {
  filter: ReadFilter;
  /** What has expired by then is not there. */
  now: Date;
  /** What does not hold then is not wanted, and still stands beside what is. */
  moment: Date;
  wanted: MemoryFilter;
}

/** Pools whose terms are kept in memory, as one caller may see them. Answers as the statements of recall.repository do. */
export class IndexedTexts implements Texts {
  private readonly plain: boolean;
  private readonly looked: readonly Looked[];
  private readonly byId: ReadonlyMap<string, Looked>;

  constructor(
    pools: readonly PoolTerms[],
    private readonly look: Look,
    private readonly near: FindNear | null,
  ) {
    this.plain = isPlain(look.wanted);
    this.looked = pools.map((pool) => ({ pool, view: pool.view(look.filter), places: pool.places }));
    this.byId = new Map(this.looked.map((looked) => [looked.pool.poolId, looked]));
  }

  holding(terms: readonly string[]): LexicalSearch {
    const documents = this.looked.reduce(
      (sum, { pool, view }) => sum + view.readable - pool.countExpired(view, this.look.now),
      0,
    );
    const counts = this.isLarge() ? this.countOf(terms) : null;
    const asked = counts ? rarest(counts) : terms;
    const found = this.looked.map((looked) => this.found(looked, asked, terms));
    const passages = found.flatMap((one) => one.passages);
    return {
      passages: passages.slice(0, MAX_CANDIDATES),
      terms,
      lengths: lengthsOf(passages.slice(0, MAX_CANDIDATES)),
      counts: found.length === 1 ? (found[0] as Found).counts : joined(found.map(({ counts }) => counts)),
      documents,
      documentFrequencies: counts,
      cut: passages.length >= MAX_CANDIDATES,
    };
  }

  ofSessions(sessions: readonly SessionRef[]): Passage[][] {
    return sessions.map(({ poolId, sessionId }) => {
      const looked = this.byId.get(poolId);
      return looked ? this.inSession(looked, sessionId, MAX_OF_SESSION) : [];
    });
  }

  around(anchors: readonly Anchor[]): Passage[][] {
    const runs = new Map<string, Passage[]>();
    return anchors.flatMap(({ poolId, sessionId, id }) => {
      const looked = this.byId.get(poolId);
      if (!looked) return [];
      const key = `${poolId}/${sessionId}`;
      const run = runs.get(key) ?? this.inSession(looked, sessionId, Infinity);
      runs.set(key, run);
      const at = run.findIndex((passage) => passage.id >= id);
      const from = at < 0 ? run.length : at;
      const window = run.slice(Math.max(0, from - REACH), from + REACH + 1);
      return window.length > 0 ? [window] : [];
    });
  }

  nearest(): Near[] | Promise<Near[]> {
    if (!this.near) return [];
    const passageAt = ({ poolId }: { poolId: string }, place: number | undefined) => {
      const looked = this.byId.get(poolId);
      if (!looked || place === undefined) return undefined;
      const bits = this.bitsNow(looked, place);
      if (bits === 0) return undefined;
      const passage = this.shown(looked.pool, place, bits);
      // A memory that was found as it was before is told apart by its id.
      return place < looked.places ? passage : { ...passage, number: undefined };
    };
    const passageOf = (memory: { poolId: string; id: string }) =>
      passageAt(memory, this.byId.get(memory.poolId)?.pool.placeOf(memory.id));
    return this.near({ passageAt, passageOf });
  }

  /**
   * Where the policy opens whole pools of many memories, the rarest terms find enough: what is counted is the caller's to read.
   * They may be none of those in the few memories that a filter leaves.
   */
  private isLarge(): boolean {
    const memories = this.looked.reduce((sum, { pool }) => sum + pool.size, 0);
    return 2 * CANDIDATE_BUDGET < memories && this.plain && this.look.filter.readsWhole();
  }

  private countOf(terms: readonly string[]): Map<string, number> {
    return new Map(
      terms.map((term) => {
        let count = 0;
        for (const looked of this.looked)
          looked.view.forEachHolding(term, (place) => {
            if (this.bitsThere(looked, place) !== 0) count++;
          });
        return [term, count];
      }),
    );
  }

  /** Those that hold one of `asked`, each with all of `terms` that it holds. */
  private found(looked: Looked, asked: readonly string[], terms: readonly string[]): Found {
    const { pool, view } = looked;
    const passages: Passage[] = [];
    // By place: the number of its row, from 1.
    const rows = new Int32Array(pool.places);
    for (const term of asked)
      view.forEachHolding(term, (place) => {
        if (rows[place] !== 0) return;
        const bits = this.bitsThere(looked, place);
        if (bits !== 0) rows[place] = passages.push(this.shown(pool, place, bits));
      });
    const counts = new Uint8Array(passages.length * terms.length);
    terms.forEach((term, column) =>
      view.forEachHolding(term, (place, frequency) => {
        const row = rows[place] as number;
        if (row > 0) counts[(row - 1) * terms.length + column] = frequency;
      }),
    );
    return { passages, counts };
  }

  /** 0 where it may not be read, has expired, or came later. */
  private bitsThere(looked: Looked, place: number): number {
    return place < looked.places ? this.bitsNow(looked, place) : 0;
  }

  /** The same of what came later too. */
  private bitsNow({ pool, view }: Looked, place: number): number {
    return pool.isExpired(place, this.look.now) ? 0 : view.bitsOf(place);
  }

  private shown(pool: PoolTerms, place: number, bits: number): Passage {
    const passage = pool.passages[place] as Passage;
    const wanted = pool.holdsAt(place, this.look.moment) && (this.plain || this.wants(pool, place, bits));
    if (wanted && bits & SHOWS_SESSION && bits & SHOWS_SPEAKER) return passage;
    return {
      ...passage,
      sessionId: bits & SHOWS_SESSION ? passage.sessionId : null,
      speaker: bits & SHOWS_SPEAKER ? passage.speaker : null,
      wanted,
    };
  }

  private wants(pool: PoolTerms, place: number, bits: number): boolean {
    const row = pool.rowAt(place);
    return row !== undefined && isWanted(this.look.wanted, row, bits);
  }

  private inSession(looked: Looked, sessionId: string, atMost: number): Passage[] {
    const run: Passage[] = [];
    for (const place of looked.pool.placesOf(sessionId)) {
      if (run.length >= atMost) break;
      const bits = this.bitsThere(looked, place);
      if (bits & SHOWS_SESSION) run.push(this.shown(looked.pool, place, bits));
    }
    return run;
  }
}

/** The terms that fewest memories hold, as many as have {@link CANDIDATE_BUDGET} together; one at least. */
function rarest(counts: ReadonlyMap<string, number>): string[] {
  const held = [...counts].filter(([, count]) => count > 0).sort(([a, m], [b, n]) => m - n || (a < b ? -1 : 1));
  let together = 0;
  return held.flatMap(([term, count], place) => {
    together += count;
    return together <= CANDIDATE_BUDGET || place === 0 ? [term] : [];
  });
}

function joined(tables: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(tables.reduce((sum, { length }) => sum + length, 0));
  tables.reduce((at, table) => {
    all.set(table, at);
    return at + table.length;
  }, 0);
  return all;
}
