import { badInput } from '#kernel';

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d))$/i;
const FIRST = Date.parse('0001-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Milliseconds of an ISO 8601 time with an offset; digits below the millisecond are cut off, as they are from rows.
 * @throws BAD_INPUT for any other text, for a day or an hour that does not exist, and for years outside 1 to 9999.
 */
export function parseTime(value: unknown, path: string): number {
  const parts = typeof value === 'string' ? ISO.exec(value) : null;
  const time = parts ? instantOf(parts) : NaN;
  if (!(time >= FIRST && time <= LAST)) {
    throw badInput(path, 'must be an ISO 8601 time with an offset, such as "2026-01-31T12:00:00Z"');
  }
  return time;
}

function instantOf(parts: RegExpExecArray): number {
  const number = (group: number) => Number(parts[group] ?? 0);
  const local = new Date(0);
  local.setUTCFullYear(number(1), number(2) - 1, number(3));
  local.setUTCHours(number(4), number(5), number(6), Number((parts[7] ?? '0').padEnd(3, '0').slice(0, 3)));
  // Date rolls the 30th of February over to March; what does not come back as written did not exist.
  const exists =
    local.getUTCMonth() === number(2) - 1 &&
    local.getUTCDate() === number(3) &&
    local.getUTCHours() === number(4) &&
    number(5) < 60 &&
    number(6) < 60 &&
    number(9) < 16 &&
    number(10) < 60;
  const offset = (number(9) * 60 + number(10)) * 60_000;
  return exists ? local.getTime() - (parts[8] === '-' ? -offset : offset) : NaN;
}
