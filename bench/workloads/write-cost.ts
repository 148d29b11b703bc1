import { setTimeout as pause } from 'node:timers/promises';
import { Floor } from '../cost/floor.js';
import { importLines } from '../cost/importer.js';
import { replayOwn, type OwnWrites } from '../cost/own-writes.js';
import { isThere, type Peer } from '../cost/peer.js';
import { MEM0, MEM0_NO_HISTORY, MEM0_SHARED, openPeers, openWriters, type Peers } from '../cost/peers.js';
import { copyAll, insertRaw, type RawMemory, type RawWrite } from '../cost/raw-writes.repository.js';
import { absent, base, cpuRows } from '../cost/recall-rows.js';
import { contend, serve, type Contender, type Measured, type Pace } from '../cost/turns.js';
import { WriteField } from '../cost/write-field.js';
import type { Row, Size, Workload } from '../workload.js';

const CLIENTS = 8;
const BUSY_CLIENTS = 64;
const BATCH = 50;
/** As many as an import sends at once. */
const IMPORT_BATCH = 100;
const OF_SQL = 0.6;
const OF_COPY = 0.5;
const SINGLE_OVER_MEM0 = 3;
const BATCH_OVER_MEM0 = 8;

interface Plan {
  rounds: number;
  turnMs: number;
  imports: number;
  lines: number;
  /** Writes that the broker has stored before. */
  before: number;
}

const FULL: Plan = { rounds: 7, turnMs: 1_500, imports: 3, lines: 10_000, before: 8_000 };
const QUICK: Plan = { rounds: 1, turnMs: 80, imports: 1, lines: 200, before: 10 };

/** Memories that are stored when they are acknowledged: single, by fifty, and a file of them. */
export const writeCost: Workload = {
  name: 'write-cost',
  needsDatabase: true,
  quick: true,
  run: async (serverUrl, { quick }: Size) => {
    const plan = quick ? QUICK : FULL;
    const field = await WriteField.open(serverUrl, CLIENTS);
    const floor = await Floor.start();
    const peers = await openWritten(field);
    try {
      await serve(plan.before, CLIENTS, broker(field, 1).call);
      return [
        ...(await adds(field, { peers, floor }, plan, 1)),
        ...(await busyCaller(field, plan)),
        ...(await adds(field, { peers, floor }, plan, BATCH)),
        ...(await imports(field, plan)),
      ];
    } finally {
      await floor.close();
      await peers.close();
      await field.close();
    }
  },
};

async function openWritten(field: WriteField): Promise<Peers> {
  const { found, close } = await openPeers(field.peers.url, CLIENTS, []);
  const writers = await openWriters(field.peers.url, CLIENTS);
  const closeAll = async () => {
    for (const peer of writers.filter(isThere)) await peer.close();
    await close();
  };
  const others = found.map((peer) => (peer.name === MEM0 ? { ...peer, name: MEM0_NO_HISTORY } : peer));
  return { found: [...writers, ...others], close: closeAll };
}

interface Others {
  peers: Peers;
  floor: Floor;
}

/** @param batch how many travel together */
async function adds(field: WriteField, { peers, floor }: Others, plan: Plan, batch: number): Promise<Row[]> {
  const contenders = [
    raw(field, 'told', batch, plan.turnMs),
    broker(field, batch),
    raw(field, 'row', batch, plan.turnMs),
    await ownSql(field, batch, plan.turnMs),
    ...(batch === 1 ? floor.contenders(field.client) : []),
    ...peers.found.filter(isThere).map((peer) => ofPeer(field, peer, batch)),
  ];
  const pace: Pace = { clients: CLIENTS, rounds: plan.rounds, turnMs: plan.turnMs };
  const measured = await contend(contenders, pace);
  const rates = measured.map((one) => perSecond(one, batch));
  const title = batch === 1 ? `single writes, ${CLIENTS} clients` : `writes by ${batch}, ${CLIENTS} clients`;
  const rows = contenders.map(({ name }, at) => base(`${title}: ${name}`, '/s', rates[at] as number[]));
  const missing = peers.found.flatMap((one) =>
    isThere(one) ? [] : [absent(`${title}: ${one.name}`, '/s', one.missing)],
  );
  const against = (at: number, atLeast?: number): Row => ({
    ...base(`${title}: broker / ${contenders[at]?.name}`, '×', quotients(rates[1], rates[at])),
    ...(atLeast !== undefined && { atLeast }),
  });
  const named = (...names: string[]) =>
    [...contenders.keys()].filter((at) => names.includes(contenders[at]?.name ?? ''));
  const overMem0 = batch === 1 ? SINGLE_OVER_MEM0 : BATCH_OVER_MEM0;
  // As they come they are judged; without its event nobody hears of a memory, and mem0ai has its history.
  const verdicts = [
    ...named(RAW_NAMES.told, OWN_SQL).map((at) => against(at, OF_SQL)),
    ...named(MEM0, MEM0_SHARED).map((at) => against(at, overMem0)),
    ...named(RAW_NAMES.row, MEM0_NO_HISTORY).map((at) => against(at)),
  ];
  const request =
    batch === 1 ? 'single writes, processor time of one' : `writes by ${batch}, processor time of a batch`;
  const cpu = contenders.flatMap(({ name }, at) => cpuRows(`${request}: ${name}`, (measured[at] as Measured).cpu));
  return [...rows, ...missing, ...cpu, ...verdicts];
}

/** What comes at once is stored together, whatever its pools: the more come, the less each costs. */
async function busyCaller(field: WriteField, { rounds, turnMs }: Plan): Promise<Row[]> {
  const hot = broker(field, 1, field.pools.slice(0, 1));
  const [intoOne] = await contend([hot], { clients: CLIENTS, rounds, turnMs });
  const [ofMany] = await contend([broker(field, 1)], { clients: BUSY_CLIENTS, rounds, turnMs });
  return [
    base(`single writes, ${CLIENTS} clients, all into one pool: broker`, '/s', (intoOne as Measured).rates),
    base(`single writes, ${BUSY_CLIENTS} clients: broker`, '/s', (ofMany as Measured).rates),
  ];
}

async function imports(field: WriteField, { imports: rounds, lines }: Plan): Promise<Row[]> {
  const { broker: target, key } = field;
  const [imported, copied, inserted]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const pool = field.pools[round % field.pools.length] as string;
    imported.push(lines / (await importLines({ url: target.url, key, pool }, field.texts(lines))));
    copied.push(await rateOf(field.ready(lines, round), (memories) => copyAll(target.databaseUrl, memories)));
    inserted.push(await rateOf(field.ready(lines, round), (memories) => insertInTurn(field, memories)));
    await pause(1);
  }
  const title = `import of ${lines.toLocaleString('en')} lines`;
  return [
    base(`${title}: COPY`, '/s', copied),
    base(`${title}: ${RAW_NAMES.row}, by ${IMPORT_BATCH}`, '/s', inserted),
    base(`${title}: commonplace import`, '/s', imported),
    { ...base(`${title}: commonplace import / COPY`, '×', quotients(imported, copied)), atLeast: OF_COPY },
  ];
}

async function rateOf(memories: RawMemory[], store: (memories: RawMemory[]) => Promise<void>): Promise<number> {
  const start = performance.now();
  await store(memories);
  return memories.length / ((performance.now() - start) / 1000);
}

/** As an import does: by one connection, one batch behind the other. */
async function insertInTurn(field: WriteField, memories: readonly RawMemory[]): Promise<void> {
  for (let from = 0; from < memories.length; from += IMPORT_BATCH)
    await insertRaw(field.raw, 'row', memories.slice(from, from + IMPORT_BATCH), 0);
}

const RAW_NAMES: Record<RawWrite, string> = {
  told: 'SQL alone',
  row: 'SQL alone, the row without its event',
};
const OWN_SQL = "the broker's own SQL";
/** More than Postgres has stored here in a second, one by one and by fifty. */
const MOST_PER_SECOND = { one: 10_000, many: 40_000 };

/** Each worker's writes are made ready before the turn: what is timed is Postgres. */
function stocked<Write>(batch: number, turnMs: number, make: (worker: number) => Write) {
  const perSecond = batch === 1 ? MOST_PER_SECOND.one : MOST_PER_SECOND.many / batch;
  const enough = Math.max(1, Math.ceil((perSecond * turnMs) / 1000 / CLIENTS));
  const stocks = Array.from({ length: CLIENTS }, (): Write[] => []);
  return {
    take: (worker: number): Write => (stocks[worker] as Write[]).shift() ?? make(worker),
    prepare: () => {
      for (const [worker, stock] of stocks.entries()) while (stock.length < enough) stock.push(make(worker));
    },
  };
}

/** The memory in one statement, as lean as it can be had. */
function raw(field: WriteField, write: RawWrite, batch: number, turnMs: number): Contender {
  const { take, prepare } = stocked(batch, turnMs, (worker) => field.ready(batch, worker));
  return {
    name: RAW_NAMES[write],
    prepare,
    cpu: sqlCpu(field),
    call: (_, worker) => insertRaw(field.raw, write, take(worker), worker),
  };
}

/** What the broker sends for each write by itself, into its own tables: policy, transaction, foreign keys and repeats as they are. */
async function ownSql(field: WriteField, batch: number, turnMs: number): Promise<Contender> {
  const writes = await field.ownWrites(batch);
  const { take, prepare } = stocked(batch, turnMs, (worker) =>
    (writes[worker % writes.length] as OwnWrites).of(field.texts(batch)),
  );
  const call = async (_: number, worker: number) => {
    const rows = await replayOwn(field.raw, take(worker), worker);
    if (rows < batch) throw new Error(`${rows} of ${batch} were stored`);
  };
  return { name: OWN_SQL, prepare, cpu: sqlCpu(field), call };
}

const sqlCpu = (field: WriteField) => async () => ({
  broker: null,
  postgres: await field.raw.postgresSeconds('bench-raw'),
});

function broker(field: WriteField, batch: number, pools: readonly string[] = field.pools): Contender {
  const pool = (worker: number) => pools[worker % pools.length] as string;
  return {
    name: 'broker',
    cpu: async () => ({
      broker: field.broker.cpuSeconds(),
      postgres: await field.raw.postgresSeconds('commonplace'),
    }),
    call: (_, worker) =>
      batch === 1
        ? field.client.memorize(pool(worker), field.text())
        : field.client.memorizeMany(pool(worker), field.texts(batch)),
  };
}

function ofPeer(field: WriteField, { name, addOne, addMany }: Peer, batch: number): Contender {
  const scope = (worker: number) => `scope-${worker}`;
  return {
    name,
    call: (_, worker) =>
      batch === 1 ? addOne(scope(worker), field.text(), worker) : addMany(scope(worker), field.texts(batch), worker),
  };
}

const perSecond = ({ rates }: Measured, batch: number): number[] => rates.map((rate) => rate * batch);

const quotients = (of: readonly number[] = [], to: readonly number[] = []): number[] =>
  of.map((value, round) => value / (to[round] as number));
