import { readFrequencies } from '../term-vector.js';

/** A number and a frequency in one small integer: an entry of two would be an object each. */
const FREQUENCY_BITS = 8;
const FREQUENCIES = 1 << FREQUENCY_BITS;
const MOST = FREQUENCIES - 1;

/** Which places hold which terms, and how often: from the terms and from the places. */
export class TermEntries {
  private readonly idOf = new Map<string, number>();
  /** By term: places that hold it. */
  private readonly postings: number[][] = [];
  /** By place: the terms that it holds, from its start to that of the next. */
  private entries = new Int32Array(1_024);
  private readonly starts: number[] = [0];

  /** The next place. @param terms as a tsvector's text */
  add(terms: string): void {
    const place = this.starts.length - 1;
    const held = readFrequencies(terms);
    const start = this.starts[place] as number;
    this.reserve(start + held.terms.length);
    held.terms.forEach((term, at) => {
      const frequency = Math.min(held.frequencies[at] as number, MOST);
      const id = this.take(term);
      (this.postings[id] as number[]).push(place * FREQUENCIES + frequency);
      this.entries[start + at] = id * FREQUENCIES + frequency;
    });
    this.starts.push(start + held.terms.length);
  }

  /** Each place that holds the term, and how often. */
  forEachHolding(term: string, tell: (place: number, frequency: number) => void): void {
    const id = this.idOf.get(term);
    if (id === undefined) return;
    for (const posting of this.postings[id] as number[]) tell(Math.floor(posting / FREQUENCIES), posting % FREQUENCIES);
  }

  /** By term, the place of it among these, from 1; 0 for all others. */
  columnsOf(terms: readonly string[]): Int32Array {
    const columns = new Int32Array(this.postings.length);
    terms.forEach((term, column) => {
      const id = this.idOf.get(term);
      if (id !== undefined) columns[id] = column + 1;
    });
    return columns;
  }

  /**
   * Writes how often a place holds each of some terms into `counts` from `at` on; it takes as long whoever else holds them.
   * @param columns of the terms, by `columnsOf`
   * @returns whether it holds one of them
   */
  countAt(place: number, columns: Int32Array, counts: Uint8Array, at: number): boolean {
    const end = this.starts[place + 1] as number;
    let holds = false;
    for (let entry = this.starts[place] as number; entry < end; entry++) {
      const packed = this.entries[entry] as number;
      const column = columns[packed >>> FREQUENCY_BITS] as number;
      if (column === 0) continue;
      counts[at + column - 1] = packed & MOST;
      holds = true;
    }
    return holds;
  }

  /** Leaves no word of them behind. */
  scrub(places: ReadonlySet<number>): void {
    for (const place of places) this.entries.fill(0, this.starts[place], this.starts[place + 1]);
    for (const [term, id] of this.idOf) {
      const postings = this.postings[id] as number[];
      const rest = postings.filter((posting) => !places.has(Math.floor(posting / FREQUENCIES)));
      if (rest.length === postings.length) continue;
      this.postings[id] = rest;
      if (rest.length === 0) this.idOf.delete(term);
    }
  }

  private take(term: string): number {
    let id = this.idOf.get(term);
    if (id === undefined) {
      id = this.postings.push([]) - 1;
      // Cut out of the text of all terms, a longer one would keep that whole text in memory.
      this.idOf.set(Buffer.from(term).toString(), id);
    }
    return id;
  }

  private reserve(length: number): void {
    if (length <= this.entries.length) return;
    const entries = new Int32Array(Math.ceil(length * 1.25));
    entries.set(this.entries);
    this.entries = entries;
  }
}
