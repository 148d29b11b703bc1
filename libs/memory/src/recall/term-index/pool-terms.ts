import type { MaskableField, MemoryRow, ReadFilter } from '#access';
import type { Passage } from '../recipe.js';
import { TermEntries, type Postings } from './term-entries.js';
import type { Seen, TermRow } from './term-index.repository.js';

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
const WHOLE = FIELD_BITS.reduce((bits, [, bit]) => bits | bit, READABLE);

const NO_LABELS: readonly string[] = [];
/** Stands where a memory has left. */
const GONE: Passage = {
  id: '',
  poolId: '',
  sessionId: null,
  speaker: null,
  day: 0,
  length: 0,
  traits: 0,
  wanted: false,
};
/** Filters whose decisions are kept for a pool. Of each memory that one lets be read they take some 160 bytes. */
const MOST_FILTERS = 16;

/** When a memory is there at all; most always are. */
interface Span {
  expiresAt: Date | null;
  validFrom: Date | null;
  validTo: Date | null;
}

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

/**
 * The ACTIVE memories of a pool by their terms, in memory. A place is never used again: a memory that changes gets a new one,
 * so that what was decided of a place holds for good.
 */
export class PoolTerms {
  readonly passages: Passage[] = [];
  /** By the same places. */
  private readonly entries = new TermEntries();
  /** What a decision reads, by place; gone where the memory has left. */
  private readonly rows: (MemoryRow | undefined)[] = [];
  private readonly placeOf = new Map<string, number>();
  private readonly sessions = new Map<string, number[]>();
  /** Of those that are not always there. */
  private readonly spans = new Map<number, Span>();
  private readonly decided = new Map<string, Decided>();
  private readonly strings = new Map<string, string>();
  /** The places that were a memory's before. */
  private readonly leftBy = new Map<string, number[]>();

  constructor(
    readonly poolId: string,
    /** What it is the state of. */
    public seen: Seen,
  ) {}

  get size(): number {
    return this.placeOf.size;
  }

  /** How many there are, empty ones too. */
  get places(): number {
    return this.passages.length;
  }

  /** More places are empty than not: time to be made anew. */
  get isWorn(): boolean {
    return this.places > 2 * this.size + 200;
  }

  /** Takes in the states of memories, in the place of whatever was known of them. */
  takeIn(rows: readonly TermRow[]): void {
    const forgotten = new Set<number>();
    for (const row of rows) {
      this.leave(row.id);
      this.enter(row);
      if (row.status !== 'FORGOTTEN') continue;
      for (const place of this.leftBy.get(row.id) ?? []) forgotten.add(place);
      this.leftBy.delete(row.id);
    }
    if (forgotten.size > 0) this.scrub(forgotten);
  }

  private enter(row: TermRow): void {
    if (row.status !== 'ACTIVE' || row.wasHeld || row.poolId !== this.poolId) return;
    const { terms, length, traits, day, validTo, expiresAt, ...rest } = row;
    const decision = this.sharing(rest);
    const { id, sessionId, speaker, validFrom } = decision;
    const place = this.passages.push({
      id,
      poolId: this.poolId,
      sessionId,
      speaker,
      day,
      length,
      traits,
      wanted: true,
      weighed: decision,
    });
    this.rows[place - 1] = decision;
    this.placeOf.set(id, place - 1);
    if (expiresAt ?? validFrom ?? validTo) this.spans.set(place - 1, { expiresAt, validFrom, validTo });
    if (sessionId !== null) this.enterSession(sessionId, place - 1);
    this.entries.add(terms);
  }

  /** How many tests of conditions it takes to see the pool through the filter; 0 where all of it was decided before. */
  testsFor(filter: ReadFilter): number {
    const key = filter.openKey(this.poolId);
    if (key === null) return 0;
    return (this.places - (this.decided.get(key)?.upTo ?? 0)) * filter.openTests(this.poolId);
  }

  /** What the filter decides of each memory: once for all who see alike. */
  view(filter: ReadFilter): View {
    const key = filter.openKey(this.poolId);
    if (key === null) return this.wholeView();
    const decided = this.decisions(key);
    this.decide(decided, filter);
    const bitsOf = (place: number) => {
      const row = this.rows[place];
      if (!row) return 0;
      // What another recall has taken in meanwhile is not decided yet.
      return place < decided.upTo ? (decided.bits[place] as number) : bitsFor(row, filter);
    };
    const forEachHolding: View['forEachHolding'] = (term, tell) => {
      this.decide(decided, filter);
      this.entries.forEachHolding(term, tell, decided.postings);
    };
    return { bitsOf, forEachHolding, readable: decided.readable };
  }

  private wholeView(): View {
    return {
      bitsOf: (place) => (this.rows[place] ? WHOLE : 0),
      forEachHolding: (term, tell) => this.entries.forEachHolding(term, tell),
      readable: this.size,
    };
  }

  /** What a decision reads of the memory at a place; undefined where it has left. */
  rowAt(place: number): MemoryRow | undefined {
    return this.rows[place];
  }

  /** In the order of their ids, which is that of writing. */
  placesOf(sessionId: string): readonly number[] {
    return this.sessions.get(sessionId) ?? [];
  }

  isExpired(place: number, now: Date): boolean {
    if (this.spans.size === 0) return false;
    const expiresAt = this.spans.get(place)?.expiresAt;
    return expiresAt != null && expiresAt <= now;
  }

  /** Whether what it says is valid then. */
  holdsAt(place: number, moment: Date): boolean {
    const span = this.spans.get(place);
    if (!span) return true;
    return (span.validFrom === null || span.validFrom <= moment) && (span.validTo === null || span.validTo > moment);
  }

  /** Of those that may be read. */
  countExpired({ bitsOf }: View, now: Date): number {
    let count = 0;
    for (const place of this.spans.keys()) if (bitsOf(place) & READABLE && this.isExpired(place, now)) count++;
    return count;
  }

  private leave(id: string): void {
    const place = this.placeOf.get(id);
    if (place === undefined) return;
    this.placeOf.delete(id);
    this.spans.delete(place);
    this.leaveSession(this.passages[place]?.sessionId ?? null, place);
    this.rows[place] = undefined;
    this.passages[place] = GONE;
    for (const decided of this.decided.values())
      if (place < decided.upTo && decided.bits[place] !== 0) decided.readable--;
    const left = this.leftBy.get(id);
    if (left) left.push(place);
    else this.leftBy.set(id, [place]);
  }

  private leaveSession(sessionId: string | null, place: number): void {
    const places = sessionId === null ? undefined : this.sessions.get(sessionId);
    if (sessionId === null || !places) return;
    places.splice(places.indexOf(place), 1);
    if (places.length === 0) this.sessions.delete(sessionId);
  }

  /** What was forgotten leaves no word behind, of any version; what was only replaced stays until the pool is read anew. */
  private scrub(forgotten: ReadonlySet<number>): void {
    // Rows that are left hold theirs; whatever is not held by any is gone with this.
    this.strings.clear();
    this.entries.scrub(
      forgotten,
      [...this.decided.values()].map(({ postings }) => postings),
    );
  }

  /** Each answer of the database brings strings of its own: of 1.7 KB a memory took, a third were the same ones again. */
  private sharing(row: MemoryRow): MemoryRow {
    const { type, status, importance, entityId, sessionId, speaker, authorId, authorRole, labels } = row;
    const [poolId, one] = [this.poolId, <Text extends string | null>(text: Text) => this.shared(text)];
    return {
      ...row,
      poolId,
      type: one(type),
      status: one(status),
      importance: one(importance),
      entityId: one(entityId),
      sessionId: one(sessionId),
      speaker: one(speaker),
      authorId: one(authorId),
      authorRole: one(authorRole),
      labels: labels.length === 0 ? NO_LABELS : labels.map(one),
    };
  }

  private shared<Text extends string | null>(text: Text): Text {
    if (text === null) return text;
    const known = this.strings.get(text);
    if (known !== undefined) return known as Text;
    this.strings.set(text, text);
    return text;
  }

  private enterSession(sessionId: string, place: number): void {
    const places = this.sessions.get(sessionId);
    if (!places) {
      this.sessions.set(sessionId, [place]);
      return;
    }
    const { id } = this.passages[place] as Passage;
    // Almost always the last: only what changed comes back between others.
    let at = places.length;
    while (at > 0 && (this.passages[places[at - 1] as number] as Passage).id > id) at--;
    places.splice(at, 0, place);
  }

  private decisions(key: string): Decided {
    let decided = this.decided.get(key);
    if (decided) this.decided.delete(key);
    else {
      decided = {
        bits: new Uint8Array(this.passages.length),
        upTo: 0,
        postings: new Map(),
        readable: 0,
      };
      const [oldest] = this.decided.keys();
      if (oldest !== undefined && this.decided.size >= MOST_FILTERS) this.decided.delete(oldest);
    }
    this.decided.set(key, decided);
    return decided;
  }

  private decide(decided: Decided, filter: ReadFilter): void {
    const end = this.passages.length;
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
