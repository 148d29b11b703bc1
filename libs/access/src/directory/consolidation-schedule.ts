import { badInput } from '#kernel';
import { Cron } from 'croner';

/** Of a pool of which nothing was said; an agent's own pool is left to the agent. UTC. */
export const NIGHTLY = '0 3 * * *';

const MAX_LENGTH = 100;

/** Five fields, so that the minute is the shortest step. @throws BAD_INPUT naming the field */
export function checkCron(value: string, field: string): string {
  const cron = value.trim().replace(/\s+/g, ' ');
  if (cron.length > MAX_LENGTH) throw badInput(field, `has more than ${MAX_LENGTH} characters`);
  if (cron.split(' ').length !== 5)
    throw badInput(
      field,
      'must have five fields, such as 0 3 * * *: minute, hour, day of the month, month, day of the week',
    );
  try {
    if (parsed(cron).nextRun() !== null) return cron;
  } catch (error) {
    throw badInput(field, `is no cron text: ${(error as Error).message}`);
  }
  throw badInput(field, 'names no day that comes');
}

/** The first time behind `after` that the text names; null where none comes. */
export const nextTime = (cron: string, after: Date): Date | null => parsed(cron).nextRun(after);

const parsed = (cron: string): Cron => new Cron(cron, { timezone: 'UTC', paused: true, mode: '5-part' });
