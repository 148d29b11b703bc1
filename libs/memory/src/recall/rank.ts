import type { MemoryRow } from '#access';
import type { Parts, Passage, Scores } from './recipe.js';

export interface Ranked {
  readonly id: string;
  readonly poolId: string;
  /** The sum of its parts. */
  readonly score: number;
  readonly known: MemoryRow | undefined;
  /** Of the few that are told. */
  explain(): Ranking;
}

/** Why a memory stands where it does. */
export interface Ranking {
  parts: Parts;
  /** From 1; null where the method did not find it. */
  textRank: number | null;
  vectorRank: number | null;
}

/**
 * Those that pass the caller's filter, the best first. Of equals the newer comes first.
 * @param near the places that the vectors found: of the least of them the meaning adds nothing
 */
export function rank(scores: Scores, near: ReadonlySet<number>): Ranked[] {
  const { passages, sums } = scores;
  const wanted: number[] = [];
  passages.forEach((passage, place) => {
    if (passage.wanted && ((sums[place] as number) > 0 || near.has(place))) wanted.push(place);
  });
  wanted.sort(bestFirst(passages, sums));
  const among = { scores, near, wanted };
  return wanted.map((place) => new RankedPassage(among, place));
}

interface Among {
  scores: Scores;
  near: ReadonlySet<number>;
  /** All places that are ranked. */
  wanted: readonly number[];
}

/** Of hundreds few are looked at: what is told of one is looked up then. */
class RankedPassage implements Ranked {
  constructor(
    private readonly among: Among,
    private readonly place: number,
  ) {}

  get id(): string {
    return this.passage.id;
  }

  get poolId(): string {
    return this.passage.poolId;
  }

  get score(): number {
    return this.among.scores.sums[this.place] as number;
  }

  get known(): MemoryRow | undefined {
    return this.passage.known;
  }

  explain(): Ranking {
    const { near, scores } = this.among;
    const { lexical, meaning } = scores.evidence;
    return {
      parts: scores.partsOf(this.place),
      textRank: this.rankAmong((place) => (lexical[place] as number) > 0, lexical),
      vectorRank: this.rankAmong((place) => near.has(place), meaning),
    };
  }

  private get passage(): Passage {
    return this.among.scores.passages[this.place] as Passage;
  }

  private rankAmong(isOne: (place: number) => boolean, values: ArrayLike<number>): number | null {
    if (!isOne(this.place)) return null;
    const before = bestFirst(this.among.scores.passages, values);
    return this.among.wanted.reduce((rank, one) => (isOne(one) && before(one, this.place) < 0 ? rank + 1 : rank), 1);
  }
}

/** Ids of version 7 are in the order of writing. */
const bestFirst = (passages: readonly Passage[], values: ArrayLike<number>) => (a: number, b: number) =>
  (values[b] as number) - (values[a] as number) || byId(passages[b], passages[a]);

const byId = (a: Passage | undefined, b: Passage | undefined): number =>
  (a?.id ?? '') < (b?.id ?? '') ? -1 : a === b ? 0 : 1;
