import { CATALOGUE, type Operator } from './catalogue.js';
import { type Condition } from './condition.js';
import { IMPORTANCES } from './vocabulary.js';

/** Conditions as an admin would say them, from the statement alone: never with what a memory holds. */
export type Test = Condition['tests'][number];

const MOST_VALUES = 5;

const NEGATED: Partial<Record<Operator, Operator>> = {
  eq: 'ne',
  ne: 'eq',
  in: 'nin',
  nin: 'in',
  lt: 'gte',
  gte: 'lt',
  lte: 'gt',
  gt: 'lte',
};

const ABOUT_VALUES: Partial<Record<Operator, string>> = {
  eq: '',
  ne: 'other than ',
  in: 'one of ',
  nin: 'none of ',
};
const ABOUT_TIMES: Partial<Record<Operator, string>> = {
  lt: 'before ',
  lte: 'no later than ',
  gt: 'after ',
  gte: 'no earlier than ',
};
const ABOUT_IMPORTANCE: Partial<Record<Operator, string>> = {
  lt: 'below ',
  lte: 'at most ',
  gt: 'above ',
  gte: 'at least ',
};

/** `type is PROCEDURAL and labels contain "draft"`. */
export const inWords = (tests: readonly Test[]): string => tests.map((test) => say(test, 'is')).join(' and ');

/** `type were PROCEDURAL`. */
export const asWish = (test: Test): string => say(test, 'were');

/** `type were other than PROCEDURAL`. */
export function asOppositeWish(test: Test): string {
  const operator = NEGATED[test.operator];
  if (operator) return say({ ...test, operator }, 'were');
  return `labels did not contain ${valuesOf(test)}`;
}

function say(test: Test, verb: 'is' | 'were'): string {
  const { field, operator } = test;
  if (CATALOGUE[field].kind === 'labels') {
    const any = test.values.length > 1 ? 'one of ' : '';
    return `${field} ${verb === 'is' ? 'contain' : 'contained'} ${any}${valuesOf(test)}`;
  }
  const ordered = CATALOGUE[field].kind === 'time' ? ABOUT_TIMES : ABOUT_IMPORTANCE;
  return `${field} ${verb} ${ABOUT_VALUES[operator] ?? ordered[operator]}${valuesOf(test)}`;
}

function valuesOf({ field, values }: Test): string {
  const shown = values.slice(0, MOST_VALUES).map((value) => {
    switch (CATALOGUE[field].kind) {
      case 'enum':
      case 'uuid':
        return String(value);
      case 'importance':
        return IMPORTANCES[(value as number) - 1];
      case 'time':
        return new Date(value).toISOString();
      case 'text':
      case 'labels':
        return JSON.stringify(value);
    }
  });
  const more = values.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
