import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';

export interface Captured {
  name?: string;
  text: string;
  values?: unknown[];
}

/** Statements that travelled together: each flight was sent only when the one before had been answered. */
export type Flights = Captured[][];

interface Recording {
  flights: Flights;
  underway: number;
  ended: boolean;
}

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

const recordings = new AsyncLocalStorage<Recording>();
let listening = false;

/** What `work` sends to Postgres, from begin to commit, in the flights in which it was sent. */
export async function capture(work: () => Promise<unknown>): Promise<Flights> {
  listen();
  const recording: Recording = { flights: [], underway: 0, ended: false };
  await recordings.run(recording, work);
  // What goes on in the background afterwards is no part of it.
  recording.ended = true;
  if (recording.flights.length === 0) throw new Error('no statement was captured');
  return recording.flights;
}

/** Past the service, at the driver: whatever becomes of the service, its statements are these. */
function listen(): void {
  if (listening) return;
  listening = true;
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const query = prototype.query;
  prototype.query = function (...args) {
    const recording = recordings.getStore();
    const answer = query.apply(this, args);
    if (recording && !recording.ended && answer instanceof Promise) note(recording, args, answer);
    return answer;
  };
}

function note(recording: Recording, [given, values]: unknown[], answer: Promise<unknown>): void {
  if (recording.underway === 0) recording.flights.push([]);
  recording.underway += 1;
  (recording.flights.at(-1) as Captured[]).push(statementOf(given, values));
  const done = () => void (recording.underway -= 1);
  answer.then(done, done);
}

function statementOf(given: unknown, values: unknown): Captured {
  if (typeof given === 'string') return { text: given, ...(values ? { values: values as unknown[] } : {}) };
  const { name, text, values: bound } = given as Captured;
  return { ...(name ? { name } : {}), text, ...(bound ? { values: bound } : {}) };
}
