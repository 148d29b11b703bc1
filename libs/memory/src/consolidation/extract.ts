import type { Language } from '#access';
import { analyse } from '../recall/analysis.js';
import { TELLS_TIME, traitsOf } from '../recall/traits.js';

/** A sentence of one of the texts, as it is judged. */
interface Sentence {
  /** Of its text among the texts. */
  source: number;
  text: string;
  terms: ReadonlySet<string>;
  /** It holds a number, a time or a name: somebody may ask for just that. */
  isTelling: boolean;
}

/** Greetings, thanks and praise: said everywhere, asked for nowhere. */
const SMALL_TALK = new Set(
  analyse(
    `hey hi hello thanks thank bye welcome wow yeah yep yes okay ok sure haha lol oh great good nice cool awesome amazing
     fantastic wonderful super really totally definitely absolutely glad happy hope sounds sound love look forward talk soon
     care chat catch agree exactly true right congrats congratulations proud`,
  ),
);

/** Of all that the texts tell, weighed; what is left out was said beside it. */
const COVERAGE = 0.9;
/** A sentence that others take up again counts for more, up to twice. */
const CENTRAL = 1;
const SENTENCE_END = /(?<=[.!?…]["'”’)\]]?)\s+|(?<=\])\s+|\n+/u;
/** A capital behind the first word, or anything with a digit. */
const NAME = /(?<=[\p{L}\p{N},;:)"'’”]\s)["'(]?(?!I\b|I['’])\p{Lu}[\p{L}\p{N}]/u;
const NUMBER = /\p{N}/u;

/**
 * The sentences of some texts that keep them findable: all that tell a number, a time or a name, and of the others those that
 * say most that was not said yet, the more readily the more of the rest takes their words up. In their order; a text a line.
 */
export function extract(texts: readonly string[], speaker: string | null, language: Language): string {
  const bare = texts.map((text) => withoutSpeaker(text, speaker));
  const sentences = bare.flatMap((text, source) => sentencesOf(text, source, language));
  const chosen = choose(sentences);
  const lines = bare.flatMap((_, source) => {
    const line = sentences.filter((one) => one.source === source && chosen.has(one)).map(({ text }) => text);
    return line.length > 0 ? [line.join(' ')] : [];
  });
  const body = lines.join('\n');
  return speaker !== null && bare.some((text, place) => text !== texts[place]) ? `${speaker}: ${body}` : body;
}

function choose(sentences: readonly Sentence[]): Set<Sentence> {
  const chosen = new Set(sentences.filter(({ isTelling }) => isTelling));
  const holders = new Map<string, number>();
  for (const { terms } of sentences) for (const term of terms) holders.set(term, (holders.get(term) ?? 0) + 1);
  const open = new Set([...holders.keys()].filter((term) => !SMALL_TALK.has(term)));
  const total = open.size;
  const take = (sentence: Sentence) => {
    chosen.add(sentence);
    for (const term of sentence.terms) open.delete(term);
  };
  for (const sentence of chosen) take(sentence);
  const rest = new Set(sentences.filter((sentence) => !chosen.has(sentence)));
  while (open.size > (1 - COVERAGE) * total) {
    const best = bestOf(rest, (sentence) => gain(sentence, open, holders));
    if (!best) break;
    take(best);
    rest.delete(best);
  }
  // All small talk: what says the most of it, so that something stands there.
  const longest = bestOf(rest, ({ text }) => text.length);
  if (chosen.size === 0 && longest) chosen.add(longest);
  return chosen;
}

function gain({ terms }: Sentence, open: ReadonlySet<string>, holders: ReadonlyMap<string, number>): number {
  const fresh = [...terms].filter((term) => open.has(term)).length;
  const shared = [...terms].filter((term) => (holders.get(term) ?? 0) > 1).length;
  return fresh * (1 + (CENTRAL * shared) / Math.max(1, terms.size));
}

function bestOf(sentences: Iterable<Sentence>, worth: (sentence: Sentence) => number): Sentence | undefined {
  let best: Sentence | undefined;
  let most = 0;
  for (const sentence of sentences) {
    const value = worth(sentence);
    if (value > most) [best, most] = [sentence, value];
  }
  return best;
}

function sentencesOf(text: string, source: number, language: Language): Sentence[] {
  return text
    .split(SENTENCE_END)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => ({
      source,
      text: part,
      terms: new Set(analyse(part, language)),
      isTelling: NUMBER.test(part) || NAME.test(part) || (traitsOf(part) & TELLS_TIME) !== 0,
    }));
}

/** As recall reads a memory: `Name: ` before what its speaker says is no part of it. */
function withoutSpeaker(text: string, speaker: string | null): string {
  const trimmed = text.trim();
  if (speaker === null || !trimmed.toLowerCase().startsWith(`${speaker.toLowerCase()}:`)) return trimmed;
  return trimmed.slice(speaker.length + 1).trim();
}
