import type { MemoryType } from '#access';
import { analyseMemory } from './analysis.js';

/** What is looked at to tell whether two hits say the same, as the caller is shown it. */
export interface Said {
  readonly id: string;
  /** Grows with every change of what is said. */
  readonly version: number;
  readonly type: MemoryType;
  readonly content: string | null;
  readonly entityId: string | null;
  readonly speaker: string | null;
  readonly validFrom: Date | null;
}

export interface Folded<Hit> {
  hit: Hit;
  /** The ids of what says the same and stood behind it. */
  repeats: string[];
}

/** Of a text with fewer terms, every one counts. */
const SHORTEST = 10;
/** What a longer text may say more than the one that it repeats, as a share of its terms. */
const MOST_ADDED = 0.1;

/** Words that analysis leaves out, and that still turn a sentence round. */
const TURNS =
  /\b(?:not|no|never|none|nor|neither|without|cannot|on|off|in|out|up|down|before|after|above|below|over|under|to|from|only|all|more|most|few|same|he|she|his|her)\b|n['’]t\b/giu;

/**
 * The hits in order, without those that only repeat a better one: the same terms in the same order, or all of them with a few
 * more that hold no number. A text that differs in any other word may say the opposite, so it stays; and so does what is about
 * another entity, of another speaker, type or time. Compared are the texts; who may see which has been decided before.
 *
 * One at a time, for most are never asked for: what repeats one of them is added to it when it is passed.
 * @param keptWith what stands for the hit from one recall to the next, where there is such a thing
 */
export function* foldNearDuplicates<Hit>(
  hits: Iterable<Hit>,
  saidBy: (hit: Hit) => Said,
  keptWith: (hit: Hit) => object | undefined = () => undefined,
): Generator<Folded<Hit>> {
  const bySubject = new Map<string, { folded: Folded<Hit>; terms: readonly string[] }[]>();
  for (const hit of hits) {
    const said = saidBy(hit);
    const { terms, subject } = heardIn(said, keptWith(hit));
    const alike = bySubject.get(subject) ?? [];
    const better = terms.length > 0 ? alike.find((one) => repeats(one.terms, terms)) : undefined;
    if (better) {
      better.folded.repeats.push(said.id);
      continue;
    }
    const folded: Folded<Hit> = { hit, repeats: [] };
    bySubject.set(subject, [...alike, { folded, terms }]);
    yield folded;
  }
}

interface Heard {
  terms: readonly string[];
  subject: string;
}

/** What is recalled is recalled again: what was heard in it is kept as long as what it is kept with, and goes when that changes or leaves. */
const known = new WeakMap<object, Heard & { of: string }>();
/** Of a longer text nothing is kept: about 2 KB would be the most of one memory. */
const LONGEST_KNOWN = 1_000;

function heardIn(said: Said, keptWith: object | undefined): Heard {
  const text = said.content ?? '';
  if (!keptWith || text.length > LONGEST_KNOWN) return hear(said);
  // One and the same version says less to whom some of it is hidden.
  const of = [said.version, said.content !== null, said.speaker !== null, said.entityId !== null].join(' ');
  const kept = known.get(keptWith);
  if (kept?.of === of) return kept;
  const heard = { ...hear(said), of };
  known.set(keptWith, heard);
  return heard;
}

const hear = (said: Said): Heard => ({
  terms: analyseMemory({ content: said.content ?? '', speaker: said.speaker }),
  subject: subjectOf(said),
});

const turnsIn = (text: string): string[] =>
  text.match(TURNS)?.map((word) => word.toLowerCase().replace('’', "'")) ?? [];

/** Only texts with the same of all this are compared at all. */
export function subjectOf({ type, content, entityId, speaker, validFrom }: Omit<Said, 'id' | 'version'>): string {
  return JSON.stringify([type, entityId, speaker, validFrom?.getTime() ?? null, turnsIn(content ?? '')]);
}

/** The same terms in the same order, or all of the shorter with a few more that hold no number. */
export function repeats(a: readonly string[], b: readonly string[]): boolean {
  const [shorter, longer] = a.length <= b.length ? [a, b] : [b, a];
  const added = longer.length - shorter.length;
  if (added > (longer.length < SHORTEST ? 0 : longer.length * MOST_ADDED)) return false;
  let place = 0;
  for (const term of longer) {
    if (term === shorter[place]) place++;
    else if (longer.length - shorter.length === 0 || /\p{N}/u.test(term)) return false;
  }
  return place === shorter.length;
}
