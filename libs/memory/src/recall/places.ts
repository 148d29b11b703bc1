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
  /** Of those that were told without a number. */
  private readonly byId = new Map<string, number>();
  private readonly ofPool = new Map<string, PlacesOfPool>();
  private last: PlacesOfPool | undefined;

  /** @param session of the passage, by its number */
  of(passage: Passage, session: number): number {
    const { id, poolId, number } = passage;
    if (number === undefined) {
      const known = this.byId.get(id) ?? this.placeAmongNumbered(id);
      if (known !== undefined) return known;
      this.byId.set(id, this.passages.length);
      return this.add(passage, session);
    }
    if (this.last?.poolId !== poolId) this.last = this.placesOf(poolId);
    const known = this.last.get(number) ?? this.byId.get(id);
    if (known !== undefined) return known;
    this.last.set(number, this.passages.length);
    return this.add(passage, session);
  }

  /** What is kept has a number, and what the database tells has none: it may know of a change that was taken in meanwhile. */
  private placeAmongNumbered(id: string): number | undefined {
    if (this.ofPool.size === 0) return undefined;
    const place = this.passages.findIndex((one) => one.id === id);
    if (place < 0) return undefined;
    this.byId.set(id, place);
    return place;
  }

  private add(passage: Passage, session: number): number {
    this.sessionOf.push(session);
    this.lexical.push(0);
    this.meaning.push(0);
    return this.passages.push(passage) - 1;
  }

  private placesOf(poolId: string): PlacesOfPool {
    let places = this.ofPool.get(poolId);
    if (!places) this.ofPool.set(poolId, (places = new PlacesOfPool(poolId)));
    return places;
  }
}

/** By the numbers that memories have in their pool: looked up by their ids, they took a fifth of the search. */
class PlacesOfPool {
  /** From 1; 0 where there is none. */
  private places = new Int32Array(256);

  constructor(readonly poolId: string) {}

  get(number: number): number | undefined {
    const place = this.places[number];
    return place ? place - 1 : undefined;
  }

  set(number: number, place: number): void {
    if (number >= this.places.length) {
      const places = new Int32Array(2 * number);
      places.set(this.places);
      this.places = places;
    }
    this.places[number] = place + 1;
  }
}

/** Sessions by numbers, in the order in which they are met. A session belongs to one pool: another's of that name is another. */
export class Sessions {
  size = 0;
  private readonly numbers = new Map<string, Map<string, number>>();
  private last = { poolId: '', sessionId: '', number: -1 };

  /** -1 for what belongs to none. */
  of({ poolId, sessionId }: { poolId: string; sessionId: string | null }): number {
    if (sessionId === null) return -1;
    const { last } = this;
    // What was written together is often found together.
    if (last.sessionId === sessionId && last.poolId === poolId && last.number >= 0) return last.number;
    const number = this.numberOf(poolId, sessionId);
    this.last = { poolId, sessionId, number };
    return number;
  }

  private numberOf(poolId: string, sessionId: string): number {
    let ofPool = this.numbers.get(poolId);
    if (!ofPool) this.numbers.set(poolId, (ofPool = new Map()));
    let number = ofPool.get(sessionId);
    if (number === undefined) ofPool.set(sessionId, (number = this.size++));
    return number;
  }
}
