import type { Passage } from './recipe.js';

/** What was found or stands beside it, each memory once: by their places everything else is told of them. */
export class Places {
  readonly passages: Passage[] = [];
  /** Of each place the number of its session; -1 where it belongs to none. */
  readonly sessionOf: number[] = [];
  /** Of each place what its words are worth. */
  readonly lexical: number[] = [];
  /** And its meaning, from 0 to 1. */
  readonly meaning: number[] = [];
  /** Those that the vectors found. */
  readonly near = new Set<number>();
  private readonly placeOf = new Map<string, number>();

  /** @param session of the passage, by its number */
  of(passage: Passage, session: number): number {
    const known = this.placeOf.get(passage.id);
    if (known !== undefined) return known;
    const place = this.passages.push(passage) - 1;
    this.placeOf.set(passage.id, place);
    this.sessionOf.push(session);
    this.lexical.push(0);
    this.meaning.push(0);
    return place;
  }
}

/** Sessions by numbers, in the order in which they are met. A session belongs to one pool: another's of that name is another. */
export class Sessions {
  size = 0;
  private readonly numbers = new Map<string, Map<string, number>>();

  /** -1 for what belongs to none. */
  of({ poolId, sessionId }: { poolId: string; sessionId: string | null }): number {
    if (sessionId === null) return -1;
    let ofPool = this.numbers.get(poolId);
    if (!ofPool) this.numbers.set(poolId, (ofPool = new Map()));
    let number = ofPool.get(sessionId);
    if (number === undefined) ofPool.set(sessionId, (number = this.size++));
    return number;
  }
}
