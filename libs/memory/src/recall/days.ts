/** Days since 1970-01-01 in UTC, both inclusive. */
export interface DayRange {
  readonly first: number;
  readonly last: number;
}

const DAY_MS = 86_400_000;
/** More are not looked at: nobody asks for ten dates at once, and a text of dates alone must not be slow. */
const MAX_RANGES = 10;

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const MONTH = String.raw`(?<month>${MONTHS.join('|')}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?`;
const DAY = String.raw`\d{1,2}(?:st|nd|rd|th)?`;
const YEAR = String.raw`(?:19|20)\d\d`;
const IN_A_MONTH = new RegExp(
  String.raw`\b(?:(?<before>${DAY})\s+(?:of\s+)?)?${MONTH}(?:\s+(?<after>${DAY})(?!\d))?(?:,?\s+(?:of\s+)?(?<year>${YEAR})\b)?`,
  'g',
);
const ISO_DATE = new RegExp(String.raw`\b(?<year>${YEAR})-(?<month>\d\d)(?:-(?<day>\d\d))?\b`, 'g');
const BARE_YEAR = new RegExp(String.raw`\b${YEAR}\b`, 'g');
const AGO = /\b(?<count>\d{1,3}|an?|one|two|three|four|five|six)\s+(?<unit>day|week|month|year)s?\s+ago\b/g;
const RELATIVE = /\b(?:today|yesterday|(?<which>last|this)\s+(?<unit>week|month|year))\b/g;

/** Words that are months only where something beside them says so. */
const AMBIGUOUS = new Set(['may', 'march', 'mar', 'dec', 'jan']);
const SAYS_MONTH = /\b(?:in|last|next|since|early|late|mid|of|during|until|by)\s+$/;

const COUNTS: Readonly<Record<string, number>> = { a: 1, an: 1, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6 };
const UNIT_DAYS: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };

export const dayOf = (time: Date): number => Math.floor(time.getTime() / DAY_MS);

/**
 * The days that an English question names: "in July 2023", "on 3 May", "2023-07-04", "in 2022", "last week".
 * @param newest the day of the newest memory: a month without a year is the last one before it, or the one before that
 * @param today for what is said relative to the asking
 */
export function daysNamed(text: string, { newest, today }: { newest: number; today: number }): DayRange[] {
  const asked = text.toLowerCase();
  const ranges = [...isoDates(asked), ...months(asked, newest), ...years(asked), ...relative(asked, today)];
  return ranges.filter(({ first, last }) => Number.isFinite(first) && last >= first).slice(0, MAX_RANGES);
}

/** Days after a named range in which what happened in it is still talked of. */
const AFTERMATH = { ofADay: 7, ofMore: 3 };

/** 1 on the days of a range, fading to 0 over the days after it. */
export function closeness(day: number, ranges: readonly DayRange[]): number {
  let best = 0;
  for (const { first, last } of ranges) {
    const after = day - last;
    const aftermath = last - first < 2 ? AFTERMATH.ofADay : AFTERMATH.ofMore;
    if (day >= first && after <= 0) return 1;
    if (after > 0 && after <= aftermath) best = Math.max(best, 1 - after / (aftermath + 1));
  }
  return best;
}

function isoDates(text: string): DayRange[] {
  return [...text.matchAll(ISO_DATE)].map(({ groups }) => {
    const { year, month, day } = groups as Record<string, string>;
    return inMonth(Number(year), Number(month) - 1, day === undefined ? null : Number(day));
  });
}

function months(text: string, newest: number): DayRange[] {
  const newestYear = new Date(newest * DAY_MS).getUTCFullYear();
  return [...text.matchAll(IN_A_MONTH)].flatMap((match) => {
    const { month, before, after, year } = match.groups as Record<string, string | undefined>;
    const day = before ?? after;
    const stem = (month as string).slice(0, 3);
    const isBare = day === undefined && year === undefined;
    if (isBare && AMBIGUOUS.has(month as string) && !SAYS_MONTH.test(text.slice(0, match.index))) return [];
    const inYears = year === undefined ? [newestYear, newestYear - 1] : [Number(year)];
    const nth = MONTHS.findIndex((name) => name.startsWith(stem));
    return inYears.map((one) => inMonth(one, nth, day === undefined ? null : parseInt(day, 10)));
  });
}

/** Those that stand alone: what belongs to a month or a date was read with it. */
function years(text: string): DayRange[] {
  const rest = text.replace(ISO_DATE, ' ').replace(IN_A_MONTH, ' ');
  return [...rest.matchAll(BARE_YEAR)].map(([year]) => ({
    first: utcDay(Number(year), 0, 1),
    last: utcDay(Number(year), 11, 31),
  }));
}

function relative(text: string, today: number): DayRange[] {
  const ago = [...text.matchAll(AGO)].map(({ groups }) => {
    const { count, unit } = groups as { count: string; unit: string };
    const length = UNIT_DAYS[unit] as number;
    const day = today - (COUNTS[count] ?? Number(count)) * length;
    const slack = Math.floor(length / 2);
    return { first: day - slack, last: day + slack };
  });
  const named = [...text.matchAll(RELATIVE)].map(([all, which, unit]): DayRange => {
    if (unit === undefined)
      return all === 'today' ? { first: today, last: today } : { first: today - 1, last: today - 1 };
    return calendar(unit, today, which === 'last' ? -1 : 0);
  });
  return [...ago, ...named];
}

/** The calendar's week (from Monday), month or year, `offset` of them from the one of `today`. */
function calendar(unit: string, today: number, offset: number): DayRange {
  const date = new Date(today * DAY_MS);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (unit === 'year') return { first: utcDay(year + offset, 0, 1), last: utcDay(year + offset, 11, 31) };
  if (unit === 'month') return inMonth(year, month + offset, null);
  const monday = today - ((date.getUTCDay() + 6) % 7) + 7 * offset;
  return { first: monday, last: monday + 6 };
}

function inMonth(year: number, month: number, day: number | null): DayRange {
  if (day === null) return { first: utcDay(year, month, 1), last: utcDay(year, month + 1, 0) };
  return { first: utcDay(year, month, day), last: utcDay(year, month, day) };
}

const utcDay = (year: number, month: number, day: number): number => Date.UTC(year, month, day) / DAY_MS;
