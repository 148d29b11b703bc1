import { readHalfvec, squareOf } from './halfvec.js';
import { MAX_DIMENSIONS, strideOf, type VectorArena } from './vector-arena.js';

/** The vectors of a pool's memories in one embedding space, by the places that the memories have among its terms. */
export class PoolVectors {
  /** Whether all of those that were stored have been read; what comes later comes with its memory, or is lacking. */
  isWhole = false;
  /** The places whose memories have no vector here: it was made later, or there is none. */
  readonly lacking = new Set<number>();
  /** How many were filled in that had been lacking. */
  fills = 0;
  /** Numbers of a vector; 0 before the first. */
  dimensions = 0;
  private readonly pages: number[] = [];
  private readonly slotOf = new Map<number, number>();
  /** By slot; -1 where nobody has it. */
  private readonly placeIn: number[] = [];
  private readonly squares: number[] = [];
  private readonly freeSlots: number[] = [];

  constructor(
    private readonly arena: VectorArena,
    readonly spaceId: string,
  ) {}

  /** Numbers that a query is compared with. */
  get size(): number {
    return this.slotOf.size * this.dimensions;
  }

  /** Pages that so many vectors take. */
  pagesFor(count: number): number {
    return Math.ceil(count / this.inPage());
  }

  /**
   * @param vector as halfvec_send wrote it
   * @returns false where there is no room for it
   * @throws where it has another length than those before, which a space does not have
   */
  enter(place: number, vector: Buffer): boolean {
    const numbers = readHalfvec(vector);
    this.dimensions ||= numbers.length;
    if (numbers.length !== this.dimensions)
      throw new Error(`a vector of ${numbers.length} numbers in a space of ${this.dimensions}`);
    const slot = this.freeSlots.pop() ?? this.newSlot();
    if (slot === undefined) return false;
    this.vectorAt(slot).set(numbers);
    this.squares[slot] = squareOf(numbers);
    this.placeIn[slot] = place;
    this.slotOf.set(place, slot);
    this.lacking.delete(place);
    return true;
  }

  /** The memory at the place is no more, and nothing of what it said. */
  leave(place: number): void {
    this.lacking.delete(place);
    const slot = this.slotOf.get(place);
    if (slot === undefined) return;
    this.slotOf.delete(place);
    this.vectorAt(slot).fill(0);
    this.placeIn[slot] = -1;
    this.squares[slot] = 0;
    this.freeSlots.push(slot);
  }

  /**
   * Of each place that has a vector its cosine with the query, which the arena was asked for.
   * @param tell answers above what it is to be told of the next
   */
  forEach(query: Float32Array, tell: (place: number, cosine: number) => number): void {
    const inPage = this.inPage();
    const square = squareOf(query);
    let least = -Infinity;
    this.pages.forEach((page, nth) => {
      const first = nth * inPage;
      const count = Math.min(inPage, this.placeIn.length - first);
      const products = this.arena.compare(page, count, this.dimensions);
      for (let at = 0; at < count; at++) {
        const cosine = (products[at] as number) / Math.sqrt(square * (this.squares[first + at] as number));
        const place = cosine > least ? (this.placeIn[first + at] as number) : -1;
        if (place >= 0) least = tell(place, cosine);
      }
    });
  }

  /** Gives back all that it holds. */
  release(): void {
    for (const page of this.pages.splice(0)) this.arena.give(page);
    for (const list of [this.placeIn, this.squares, this.freeSlots]) list.length = 0;
    for (const set of [this.slotOf, this.lacking]) set.clear();
    this.isWhole = false;
  }

  private newSlot(): number | undefined {
    const slot = this.placeIn.length;
    if (slot === this.pages.length * this.inPage()) {
      const page = this.arena.take();
      if (page === undefined) return undefined;
      this.pages.push(page);
    }
    this.placeIn.push(-1);
    return slot;
  }

  private inPage(): number {
    return Math.floor(MAX_DIMENSIONS / strideOf(this.dimensions));
  }

  private vectorAt(slot: number): Float32Array {
    const inPage = this.inPage();
    const page = this.pages[Math.floor(slot / inPage)] as number;
    return this.arena.of(page, (slot % inPage) * strideOf(this.dimensions), this.dimensions);
  }
}
