import { readFrequencies } from '../term-vector.js';

/** A number and a frequency in one small integer: an entry of two would be an object each. */
const FREQUENCIES = 256;
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

  /** Looks at places one by one for some of the terms: it takes as long whoever else holds them. */
  among(terms: readonly string[]): (place: number, tell: (column: number, frequency: number) => void) => void {
    const columns = new Int32Array(this.postings.length);
    terms.forEach((term, column) => {
      const id = this.idOf.get(term);
      if (id !== undefined) columns[id] = column + 1;
    });
    return (place, tell) => {
      const end = this.starts[place + 1] as number;
      for (let at = this.starts[place] as number; at < end; at++) {
        const entry = this.entries[at] as number;
        const column = columns[Math.floor(entry / FREQUENCIES)] as number;
        if (column > 0) tell(column - 1, entry % FREQUENCIES);
      }
    };
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
