import { median } from '../measure.js';
import type { Row } from '../workload.js';
import { MEM0_INDEXED } from './peers.js';
import { spreadOf, type Contender, type Cpu, type Measured } from './turns.js';

/** The whole search in SQL, as a recall sends it where nothing is kept in memory. */
export const BY_SQL = 'search by SQL';
/** What a recall sends. */
export const SENT = 'SQL alone';
/** Below, the difference to the SQL is judged, and from here on the ratio. */
const SLOW_SQL_MS = 2;
const OVER_SQL_MS = 0.7;
const OVER_SQL_RATIO = 1.3;
const OVER_MEM0 = 8;

export interface Seats {
  contenders: Contender[];
  /** Those that could not take part. */
  missing: { name: string; why: string }[];
}

export interface CallerResult {
  caller: string;
  /** Of `many`. */
  clients: number;
  seats: Seats;
  one: readonly Measured[];
  many: readonly Measured[];
}

export function rowsOfCaller(result: CallerResult): Row[] {
  return [...latencies(result), ...rates(result), ...processors(result), ...verdicts(result)];
}

function latencies({ caller, seats, one }: CallerResult): Row[] {
  return [
    ...seats.contenders.map(({ name, recall }, at) => {
      const { p50, p95 } = one[at] as Measured;
      const found = recall ? { recall: recall() } : {};
      return { ...base(`${caller}, 1 client, p50: ${name}`, 'ms', p50), p95, ...found };
    }),
    ...seats.missing.map(({ name, why }) => absent(`${caller}, 1 client, p50: ${name}`, 'ms', why)),
  ];
}

function rates({ caller, clients, seats, many }: CallerResult): Row[] {
  return [
    ...seats.contenders.map(({ name, recall }, at) => {
      const found = recall ? { recall: recall() } : {};
      return {
        ...base(`${caller}, ${clients} clients, searches: ${name}`, '/s', (many[at] as Measured).rates),
        ...found,
      };
    }),
    ...seats.missing.map(({ name, why }) => absent(`${caller}, ${clients} clients, searches: ${name}`, '/s', why)),
  ];
}

function processors({ caller, seats, many }: CallerResult): Row[] {
  return seats.contenders.flatMap(({ name }, at) =>
    cpuRows(`${caller}, processor time a search: ${name}`, (many[at] as Measured).cpu),
  );
}

/** While many ask at once, as then the machine is busy and the ticks of its clock are many. */
export function cpuRows(title: string, { broker, postgres }: Cpu): Row[] {
  const row = (of: string, value: number | null): Row[] =>
    value === null ? [] : [{ row: `${title}, ${of}`, value, unit: 'ms', limit: null }];
  return [...row('Node.js', broker), ...row('Postgres', postgres)];
}

function verdicts(result: CallerResult): Row[] {
  return ['', ' with embedder'].flatMap((kind) => [
    ...[BY_SQL, SENT].map((sql) => overSql(result, kind, sql)),
    ...overMem0(result, kind),
  ]);
}

/** With an embedder it is told and not judged: asking the model is in it, and not in the SQL. */
function overSql(result: CallerResult, kind: string, name: string): Row {
  const [sql, broker] = [`${name}${kind}`, `broker${kind}`].map((one) => of(result, result.one, one).p50);
  const rounds = (broker as number[]).map((time, round) => ({ time, raw: (sql as number[])[round] as number }));
  const judged = kind === '';
  if (median(sql as number[]) >= SLOW_SQL_MS) {
    const ratios = rounds.map(({ time, raw }) => time / raw);
    return {
      ...base(`${result.caller}, 1 client, p50: broker / ${name}${kind}`, '×', ratios),
      limit: judged ? OVER_SQL_RATIO : null,
    };
  }
  const differences = rounds.map(({ time, raw }) => time - raw);
  return {
    ...base(`${result.caller}, 1 client, p50: broker − ${name}${kind}`, 'ms', differences),
    limit: judged ? OVER_SQL_MS : null,
  };
}

function overMem0(result: CallerResult, kind: string): Row[] {
  const peer = result.seats.contenders.findIndex(({ name }) => name === MEM0_INDEXED);
  if (peer < 0) return [];
  const { rates: theirs } = result.many[peer] as Measured;
  const ratios = of(result, result.many, `broker${kind}`).rates.map((rate, round) => rate / (theirs[round] as number));
  const name = `${result.caller}, ${result.clients} clients: broker${kind} / ${MEM0_INDEXED}`;
  return [{ ...base(name, '×', ratios), atLeast: OVER_MEM0 }];
}

function of({ seats }: CallerResult, measured: readonly Measured[], name: string): Measured {
  return measured[seats.contenders.findIndex((contender) => contender.name === name)] as Measured;
}

export function base(row: string, unit: Row['unit'], rounds: readonly number[]): Row {
  return { row, value: median(rounds), unit, limit: null, spread: spreadOf(rounds) };
}

export const absent = (row: string, unit: Row['unit'], missing: string): Row => ({
  row,
  value: NaN,
  unit,
  limit: null,
  missing,
});
