import { Database } from '#platform';

let made = 0;

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
      await server.maintenance(`drop database if exists ${name} with (force)`);
      await server.close();
    },
  };
}
