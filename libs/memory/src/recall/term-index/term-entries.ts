import { readFrequencies } from '../term-vector.js';

/** A number and a frequency in one small integer: an entry of two would be an object each. */
const FREQUENCY_BITS = 8;
const FREQUENCIES = 1 << FREQUENCY_BITS;
const MOST = FREQUENCIES - 1;

/** By a term's number: the places that hold it, each with how often. */
export type Postings = Map<number, number[]>;

/** Which places hold which terms, and how often: from the terms and from the places. */
export class TermEntries {
  private readonly numberOf = new Map<string, number>();
  private numbers = 0;
  /** Of all places. */
  private readonly postings: Postings = new Map();
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
      this.entries[start + at] = this.take(term) * FREQUENCIES + frequency;
    });
    this.starts.push(start + held.terms.length);
    this.post(place, this.postings);
  }

  /** Adds a place to postings of some of them. */
  post(place: number, postings: Postings): void {
    const end = this.starts[place + 1] as number;
    for (let entry = this.starts[place] as number; entry < end; entry++) {
      const packed = this.entries[entry] as number;
      const number = packed >>> FREQUENCY_BITS;
      const posting = place * FREQUENCIES + (packed & MOST);
      const held = postings.get(number);
      if (held) held.push(posting);
      else postings.set(number, [posting]);
    }
  }

  /** Each place that holds the term, and how often; of all or of those that were posted. */
  forEachHolding(
    term: string,
    tell: (place: number, frequency: number) => void,
    postings: Postings = this.postings,
  ): void {
    const number = this.numberOf.get(term);
    const held = number === undefined ? undefined : postings.get(number);
    if (held) for (const posting of held) tell(Math.floor(posting / FREQUENCIES), posting % FREQUENCIES);
  }

  /** Leaves no word of them behind, here and in what was posted of them. */
  scrub(places: ReadonlySet<number>, posted: readonly Postings[]): void {
    const numbers = new Set<number>();
    for (const place of places) {
      const held = this.entries.subarray(this.starts[place], this.starts[place + 1]);
      for (const packed of held) numbers.add(packed >>> FREQUENCY_BITS);
      held.fill(0);
    }
    for (const postings of [this.postings, ...posted]) for (const number of numbers) strike(postings, number, places);
    for (const [term, number] of this.numberOf)
      if (numbers.has(number) && !this.postings.has(number)) this.numberOf.delete(term);
  }

  private take(term: string): number {
    let number = this.numberOf.get(term);
    if (number === undefined) {
      number = this.numbers++;
      // Cut out of the text of all terms, a longer one would keep that whole text in memory.
      this.numberOf.set(Buffer.from(term).toString(), number);
    }
    return number;
  }

  private reserve(length: number): void {
    if (length <= this.entries.length) return;
    const entries = new Int32Array(Math.ceil(length * 1.25));
    entries.set(this.entries);
    this.entries = entries;
  }
}

function strike(postings: Postings, number: number, places: ReadonlySet<number>): void {
  const rest = postings.get(number)?.filter((posting) => !places.has(Math.floor(posting / FREQUENCIES)));
  if (rest?.length) postings.set(number, rest);
  else postings.delete(number);
}
