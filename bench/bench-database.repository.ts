import { Database } from '#platform';
import { setTimeout as pause } from 'node:timers/promises';

let made = 0;

const LEFT_WITHIN_MS = 5_000;

export interface BenchDatabase {
  url: string;
  drop: () => Promise<void>;
}

/** A database of its own on the server, for one workload. */
export async function createBenchDatabase(serverUrl: string): Promise<BenchDatabase> {
  const server = await Database.open({ url: serverUrl, entities: [], migrations: [] });
  const name = `commonplace_bench_${process.pid}_${Date.now().toString(36)}_${made++}`;
  await server.maintenance(`create database ${name}`);
  return {
    url: Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href,
    drop: async () => {
      await untilLeft(server, name);
      await server.maintenance(`drop database if exists ${name} with (force)`);
      await server.close();
    },
  };
}

/** A pool of another layer says that it has ended before its connections have: ended by the server they would end the process. */
async function untilLeft(server: Database, name: string): Promise<void> {
  const deadline = Date.now() + LEFT_WITHIN_MS;
  const connected = async () => {
    const { rows } = await server.maintenance('select 1 from pg_stat_activity where datname = $1 limit 1', [name]);
    return rows.length > 0;
  };
  while ((await connected()) && Date.now() < deadline) await pause(50);
}
