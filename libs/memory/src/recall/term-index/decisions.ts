import type { MaskableField, MemoryRow, ReadFilter } from '#access';
import type { Postings, TermEntries } from './term-entries.js';

/** What a filter lets be used of a memory, as bits. */
export const READABLE = 1;
export const SHOWS_SESSION = 2;
export const SHOWS_SPEAKER = 4;
export const SHOWS_ENTITY = 8;
export const SHOWS_AUTHOR = 16;
export const SHOWS_LABELS = 32;
const FIELD_BITS: readonly [MaskableField, number][] = [
  ['sessionId', SHOWS_SESSION],
  ['speaker', SHOWS_SPEAKER],
  ['entityId', SHOWS_ENTITY],
  ['author', SHOWS_AUTHOR],
  ['labels', SHOWS_LABELS],
];
/** All of it. */
export const WHOLE = FIELD_BITS.reduce((bits, [, bit]) => bits | bit, READABLE);

/** Filters whose decisions are kept for a pool. Of each memory that one lets be read they take some 160 bytes. */
const MOST_FILTERS = 16;

/** What a filter says of the places, decided up to one of them. */
interface Decided {
  bits: Uint8Array;
  upTo: number;
  /** Of what it lets be read: how many other memories hold a term must not show in the time that it takes to find these. */
  postings: Postings;
  /** How many memories it lets be read. */
  readable: number;
}

/** How a filter looks at a pool. */
export interface View {
  /** 0 where the memory at the place may not be used. */
  bitsOf: (place: number) => number;
  /** Each place that holds the term, and how often; some have left, and none is of what may not be read. */
  forEachHolding: (term: string, tell: (place: number, frequency: number) => void) => void;
  /** Memories that may be read, expired ones too. */
  readable: number;
}

/** What filters decide of the memories of a pool: once for all who see alike, and for good, since no place is used again. */
export class Decisions {
  /** The least lately asked for first. */
  private readonly decided = new Map<string, Decided>();

  constructor(
    /** What a decision reads, by place; undefined where the memory has left. */
    private readonly rows: readonly (MemoryRow | undefined)[],
    private readonly entries: TermEntries,
  ) {}

  /** How many places are not decided yet for a filter of this key. */
  undecidedFor(key: string): number {
    return this.rows.length - (this.decided.get(key)?.upTo ?? 0);
  }

  view(key: string, filter: ReadFilter): View {
    const decided = this.use(key);
    this.decide(decided, filter);
    return {
      bitsOf: (place) => {
        const row = this.rows[place];
        if (!row) return 0;
        // What another recall has taken in meanwhile is not decided yet.
        return place < decided.upTo ? (decided.bits[place] as number) : bitsFor(row, filter);
      },
      forEachHolding: (term, tell) => {
        this.decide(decided, filter);
        this.entries.forEachHolding(term, tell, decided.postings);
      },
      readable: decided.readable,
    };
  }

  /** The memory at the place is no more. */
  leave(place: number): void {
    for (const decided of this.decided.values())
      if (place < decided.upTo && decided.bits[place] !== 0) decided.readable--;
  }

  /** Of every filter, where words may be left behind. */
  postings(): Postings[] {
    return [...this.decided.values()].map(({ postings }) => postings);
  }

  private use(key: string): Decided {
    let decided = this.decided.get(key);
    if (decided) this.decided.delete(key);
    else {
      decided = { bits: new Uint8Array(this.rows.length), upTo: 0, postings: new Map(), readable: 0 };
      const [oldest] = this.decided.keys();
      if (oldest !== undefined && this.decided.size >= MOST_FILTERS) this.decided.delete(oldest);
    }
    this.decided.set(key, decided);
    return decided;
  }

  private decide(decided: Decided, filter: ReadFilter): void {
    const end = this.rows.length;
    if (decided.bits.length < end) {
      const bits = new Uint8Array(end + (end >> 2));
      bits.set(decided.bits);
      decided.bits = bits;
    }
    for (; decided.upTo < end; decided.upTo++) {
      const row = this.rows[decided.upTo];
      const bits = row ? bitsFor(row, filter) : 0;
      decided.bits[decided.upTo] = bits;
      if (bits === 0) continue;
      decided.readable++;
      this.entries.post(decided.upTo, decided.postings);
    }
  }
}

/** What is hidden must not be found by, nor tell a session or a speaker. */
function bitsFor(row: MemoryRow, filter: ReadFilter): number {
  if (!filter.opens(row) || !filter.opensField(row, 'content')) return 0;
  return FIELD_BITS.reduce((bits, [field, bit]) => (filter.opensField(row, field) ? bits | bit : bits), READABLE);
}
