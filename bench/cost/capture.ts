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

/** Past the service, where units of work hand their statements to the driver; not those of entities. */
function listen(): void {
  if (listening) return;
  listening = true;
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const query = prototype.query;
  prototype.query = function (...args) {
    const recording = recordings.getStore();
    if (recording && !recording.ended && isQuery(args[0])) note(recording, args[0]);
    return query.apply(this, args);
  };
}

/** As units of work send their statements. */
type SentQuery = Captured & { submit: unknown; callback: (...answer: unknown[]) => void };

const isQuery = (given: unknown): given is SentQuery =>
  typeof given === 'object' && given !== null && 'submit' in given;

function note(recording: Recording, query: SentQuery): void {
  if (recording.underway === 0) recording.flights.push([]);
  recording.underway += 1;
  const { name, text, values, callback } = query;
  (recording.flights.at(-1) as Captured[]).push({ ...(name ? { name } : {}), text, ...(values ? { values } : {}) });
  query.callback = (...answer) => {
    recording.underway -= 1;
    callback(...answer);
  };
}
