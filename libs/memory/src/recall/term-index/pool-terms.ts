import type { MemoryRow, ReadFilter } from '#access';
import type { PoolVectors } from '../../vectors/kept/pool-vectors.js';
import type { Passage } from '../recipe.js';
import { Decisions, READABLE, WHOLE, type View } from './decisions.js';
import { TermEntries } from './term-entries.js';
import type { Seen, TermRow } from './term-index.repository.js';

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
/** What it takes to post the terms of a memory, in tests of conditions: 1.2 µs in a pool of 20,000. */
const TESTS_OF_POSTING = 80;

/** When a memory is there at all; most always are. */
interface Span {
  expiresAt: Date | null;
  validFrom: Date | null;
  validTo: Date | null;
}

/**
 * The ACTIVE memories of a pool by their terms, in memory. A place is never used again: a memory that changes gets a new one,
 * so that what was decided of a place holds for good.
 */
export class PoolTerms {
  readonly passages: Passage[] = [];
  /** Of its memories, where they are kept too. */
  vectors: PoolVectors | undefined;
  /** By the same places. */
  private readonly entries = new TermEntries();
  /** What a decision reads, by place; gone where the memory has left. */
  private readonly rows: (MemoryRow | undefined)[] = [];
  private readonly placesById = new Map<string, number>();
  private readonly sessions = new Map<string, number[]>();
  /** Of those that are not always there. */
  private readonly spans = new Map<number, Span>();
  private readonly decisions = new Decisions(this.rows, this.entries);
  private readonly strings = new Map<string, string>();
  /** The places that were a memory's before. */
  private readonly leftBy = new Map<string, number[]>();

  constructor(
    readonly poolId: string,
    /** What it is the state of. */
    public seen: Seen,
  ) {}

  get size(): number {
    return this.placesById.size;
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
    const { terms, length, traits, day, validTo, expiresAt, vector, ...rest } = row;
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
      known: decision,
      number: this.places,
    });
    this.rows[place - 1] = decision;
    this.placesById.set(id, place - 1);
    if (expiresAt ?? validFrom ?? validTo) this.spans.set(place - 1, { expiresAt, validFrom, validTo });
    if (sessionId !== null) this.enterSession(sessionId, place - 1);
    this.entries.add(terms);
    this.enterVector(place - 1, vector);
  }

  /** Those of its memories are to be kept: all are lacking. */
  keep(vectors: PoolVectors): void {
    this.vectors = vectors;
    for (const place of this.placesById.values()) vectors.lacking.add(place);
  }

  /** How many tests of conditions it takes to see the pool through the filter; 0 where all of it was decided before. */
  testsFor(filter: ReadFilter): number {
    const key = filter.openKey(this.poolId);
    if (key === null) return 0;
    return this.decisions.undecidedFor(key) * (filter.openTests(this.poolId) + TESTS_OF_POSTING);
  }

  view(filter: ReadFilter): View {
    const key = filter.openKey(this.poolId);
    return key === null ? this.wholeView() : this.decisions.view(key, filter);
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

  /** Undefined where it is not here. */
  placeOf(id: string): number | undefined {
    return this.placesById.get(id);
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
    if (this.spans.size === 0) return true;
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

  private enterVector(place: number, vector: TermRow['vector']): void {
    const { vectors } = this;
    if (!vectors) return;
    const isTaken = vector?.spaceId === vectors.spaceId && vectors.enter(place, vector.stored);
    if (!isTaken) vectors.lacking.add(place);
  }

  private leave(id: string): void {
    const place = this.placesById.get(id);
    if (place === undefined) return;
    this.placesById.delete(id);
    this.spans.delete(place);
    this.vectors?.leave(place);
    this.leaveSession(this.passages[place]?.sessionId ?? null, place);
    this.rows[place] = undefined;
    this.passages[place] = GONE;
    this.decisions.leave(place);
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
    this.entries.scrub(forgotten, this.decisions.postings());
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
}
