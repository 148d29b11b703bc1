import { LineProblem } from './problems.js';

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

/**
 * An ISO 8601 time as a UTC instant. One without an offset is a different moment in every time zone, so it is only
 * taken when the caller says that it was UTC.
 */
export function isoInstant(value: unknown, field: string, assumeUtc: boolean): string {
  const parts = typeof value === 'string' ? ISO.exec(value.trim()) : null;
  if (!parts) throw new LineProblem(`${field} is not an ISO 8601 time: ${JSON.stringify(value)}`);
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', offset] = parts;
  if (!offset && !assumeUtc) {
    throw new LineProblem(`${field} has no offset: ${JSON.stringify(value)}; --assume-utc takes such times as UTC`);
  }
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // Date rolls 30 February over into March: only what comes back as it went in is a date.
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall) || new Date(wall).toISOString().slice(0, 19) !== local) {
    throw new LineProblem(`${field} is not a date of the calendar: ${JSON.stringify(value)}`);
  }
  const milliseconds = Number(fraction.padEnd(3, '0').slice(0, 3));
  return new Date(wall + milliseconds - offsetMinutes(offset ?? 'Z', field) * 60_000).toISOString();
}

function offsetMinutes(offset: string, field: string): number {
  if (offset.toUpperCase() === 'Z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', '') || '0');
  if (hours > 18 || minutes > 59) throw new LineProblem(`${field} has an impossible offset: ${offset}`);
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
