import { AccessService } from '#access';
import { Clock } from '#kernel';
import { KeptVectors, MemoryIndex, RecallService, TermIndex, UsageCounter } from '#memory';
import { median, ratio, takeTurns } from '../measure.js';
import { withoutPolicy, withOrganisation, type Organisation } from '../recall-organisation.repository.js';
import { READABLE } from '../statements.js';
import { type Row, type Workload } from '../workload.js';
import { Writer } from '../writer.js';

/** Some thousands of recalls: as many as a process goes on compiling for. */
export const WARM_ROUNDS = 80;

/** What the policy costs: the same recall with it and without. */
export const recallOverhead: Workload = {
  name: 'recall-overhead',
  needsDatabase: true,
  run: (databaseUrl) => withOrganisation(databaseUrl, rows),
};

async function rows(organisation: Organisation): Promise<Row[]> {
  const { database, orgId } = organisation;
  const under = recallThrough(new AccessService(database, orgId), organisation).recall;
  const without = recallThrough(await withoutPolicy(organisation), organisation).recall;
  await assertSameHits(under, without);
  const rounds = await takeTurns([{ call: without }, { call: under }], 60, 10, WARM_ROUNDS);
  return [
    { row: 'recall without policy', value: median(rounds[0] as number[]), unit: 'ms', limit: null },
    { row: 'recall under the default policy', value: median(rounds[1] as number[]), unit: 'ms', limit: null },
    { row: 'recall: under the default policy / without', value: ratio(rounds, 1, 0), unit: '×', limit: 1.1 },
  ];
}

/** As a broker keeps by default. */
const KEPT_MEMORIES = 50_000;
const rethrow = (error: unknown) => {
  throw error;
};

export type Recall = (nth: number) => Promise<string[]>;

export interface Recaller {
  recall: Recall;
  /** Lets go of what it keeps. */
  stop: () => Promise<void>;
}

/** Recalls the nth question, always in the same pools, and answers ids. */
export function recallThrough(access: AccessService, { coder, database }: Organisation): Recaller {
  const clock = new Clock();
  const usage = new UsageCounter(access, clock, () => undefined);
  const terms = new TermIndex(access, database, new KeptVectors(access, 0, rethrow), KEPT_MEMORIES, rethrow);
  const service = new RecallService(access, new MemoryIndex(access, undefined, () => undefined), clock, usage, terms);
  const writer = new Writer();
  const questions = Array.from({ length: 200 }, () => writer.question());
  const recall = async (nth: number) => {
    const query = questions[nth % questions.length] as string;
    const { hits } = await service.recall(coder, { query, pools: READABLE });
    // The first call finds nothing kept; what is measured is what comes after.
    await terms.settled();
    return hits.map(({ memory }) => memory.id);
  };
  return { recall, stop: () => terms.stop() };
}

/** Two variants that do not find the same are not worth comparing. */
export async function assertSameHits(one: Recall, other: Recall): Promise<void> {
  for (let nth = 0; nth < 5; nth++) {
    const [here, there] = [await one(nth), await other(nth)];
    if (here.length === 0 || here.join() !== there.join()) throw new Error(`recall ${nth} found ${here} and ${there}`);
  }
}
