import type { MemoryRow } from '#access';
import { Sorted, type InOrder } from './in-order.js';
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
export function rank(scores: Scores, near: ReadonlySet<number>): InOrder<Ranked> {
  const { passages, sums } = scores;
  const wanted: number[] = [];
  for (let place = 0; place < passages.length; place++)
    if ((passages[place] as Passage).wanted && ((sums[place] as number) > 0 || near.has(place))) wanted.push(place);
  return new RankedPassages({ scores, near, wanted });
}

interface Among {
  scores: Scores;
  near: ReadonlySet<number>;
  /** All places that are ranked. */
  wanted: readonly number[];
}

class RankedPassages implements InOrder<Ranked> {
  readonly length: number;
  private readonly places: Sorted<number>;
  private readonly ranked: Ranked[] = [];

  constructor(private readonly among: Among) {
    const { scores, wanted } = among;
    this.length = wanted.length;
    this.places = new Sorted(wanted, bestFirst(scores.passages, scores.sums));
  }

  at(nth: number): Ranked | undefined {
    const place = this.places.at(nth);
    return place === undefined ? undefined : (this.ranked[nth] ??= new RankedPassage(this.among, place));
  }
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
