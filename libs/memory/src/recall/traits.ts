import { words } from './analysis.js';

/** What a memory's text holds beside its words, as the bits of a number; stored with it. */
export const TELLS_TIME = 1;
export const TELLS_PLACE = 2;
export const ASKS = 4;

const SPANS = 'night|week|month|year|weekend|morning|evening|summer|winter|spring|fall|autumn';
const WEEKDAYS = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday';
const MONTHS = 'january|february|march|april|june|july|august|september|october|november|december';
const TIME = new RegExp(
  String.raw`\b(?:yesterday|today|tonight|tomorrow|(?:last|next|this|past)\s+(?:${SPANS}|${WEEKDAYS})|ago|recently|since|the other day` +
    String.raw`|just\s+(?:got|had|went|started|finished|came|did|bought|took|made)|(?:${WEEKDAYS})s?|${MONTHS}|(?:19|20)\d\d|weeks?|months?|years?|weekends?)\b`,
  'i',
);
/** A name after a preposition of place: names of people stand there too, which costs little. */
const PLACE = /\b(?:in|at|from|to|near)\s+(?:the\s+)?\p{Lu}\p{Ll}+/u;
/** A question mark (Latin, full-width or Arabic) behind a word, as none is in `id = ?`, and no letter or digit behind it. */
const QUESTION = /[\p{L}\p{N}\p{M}\p{Pe}\p{Pf}"']\s?[?\uff1f\u061f][^\p{L}\p{N}]*$/u;
/** Looked at whole, a text of 30,000 question marks and a letter would take seconds. */
const END = 32;

export function traitsOf(content: string): number {
  return (
    (TIME.test(content) ? TELLS_TIME : 0) |
    (PLACE.test(content) ? TELLS_PLACE : 0) |
    (QUESTION.test(content.slice(-END)) ? ASKS : 0)
  );
}

const WHEN =
  /^when\b|\bwhat (?:date|day|month|year)\b|\bhow long\b|\bwhen (?:did|was|were|is|are|does|do|has|have|will)\b/;
const WHERE = /^where\b|\b(?:what|which) (?:city|country|state|place|town)\b/;

/** The trait that answers to an English question have: 0 where it asks neither when nor where. */
export function traitAskedFor(question: string): number {
  const asked = question.trim().toLowerCase();
  if (WHEN.test(asked)) return TELLS_TIME;
  return WHERE.test(asked) ? TELLS_PLACE : 0;
}

/** Whether one of the words is a part of the speaker's name. */
export function names(asked: ReadonlySet<string>, speaker: string): boolean {
  return words(speaker).some((word) => asked.has(word));
}
