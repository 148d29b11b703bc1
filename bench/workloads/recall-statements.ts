import { AccessService } from '#access';
import { ratio, takeTurns, type Rounds, type Variant } from '../measure.js';
import { withOrganisation, type Organisation } from '../recall-organisation.repository.js';
import { MIXES, policyOf } from '../statements.js';
import { type Row, type Workload } from '../workload.js';
import { assertSameHits, recallThrough, WARM_ROUNDS, type Recall, type Recaller } from './recall-overhead.js';

/** The version that a new organisation has. */
const DEFAULT = 1;
const COUNTS = [10, 100, 1_000, 10_000];
/** By how a broker's memory happened to be laid out one was up to a tenth slower than its like, from start to end: so several take part. */
const BROKERS = 3;
/** Of each. */
const ROUNDS = 40;

/** What a policy costs as it grows. */
export const recallStatements: Workload = {
  name: 'recall-statements',
  needsDatabase: true,
  run: (databaseUrl) =>
    withOrganisation(databaseUrl, async (organisation) => {
      const rows: Row[] = [];
      for (const [place, name] of Object.keys(MIXES).entries())
        rows.push(...(await rowsOf(organisation, name, (place + 1) * 10)));
      return rows;
    }),
};

interface Edition extends Recaller {
  version: number;
}

async function rowsOf(organisation: Organisation, name: string, from: number): Promise<Row[]> {
  const versions = [DEFAULT];
  for (const [place, count] of COUNTS.entries()) {
    versions.push(from + place);
    await organisation.addPolicy(from + place, policyOf(MIXES[name] as (typeof MIXES)[string], count));
  }
  let rounds: Rounds = versions.map(() => []);
  for (let broker = 0; broker < BROKERS; broker++) {
    const measured = await roundsOf(organisation, versions);
    rounds = rounds.map((times, of) => [...times, ...(measured[of] as number[])]);
  }
  const against = (of: number, to: number): Omit<Row, 'row'> => ({
    value: ratio(rounds, of, to),
    unit: '×',
    limit: 1.1,
  });
  return [
    ...COUNTS.slice(1).map((count, place) => ({
      row: `recall, ${name}: ${count.toLocaleString('en')} statements / 10`,
      ...against(place + 2, 1),
    })),
    { row: `recall, ${name}: 10,000 statements / the default policy`, ...against(COUNTS.length, 0) },
  ];
}

/** A gate keeps the version that it loaded, so each version has its own, and switching needs no compiling. */
async function roundsOf(organisation: Organisation, versions: readonly number[]): Promise<Rounds> {
  const { database, orgId } = organisation;
  const editions = versions.map((version): Edition => ({
    version,
    ...recallThrough(new AccessService(database, orgId), organisation),
  }));
  // The default policy may show more.
  await assertAlike(organisation, editions.slice(1));
  const rounds = await takeTurns(
    editions.map((edition) => variantOf(organisation, edition)),
    ROUNDS,
    10,
    WARM_ROUNDS,
  );
  for (const { stop } of editions) await stop();
  return rounds;
}

const variantOf = (organisation: Organisation, { version, recall }: Edition): Variant => ({
  enter: () => organisation.activate(version),
  call: recall,
});

async function assertAlike(organisation: Organisation, [first, ...others]: Edition[]): Promise<void> {
  const under = ({ version, recall }: Edition): Recall => {
    return async (nth) => {
      await organisation.activate(version);
      return recall(nth);
    };
  };
  for (const other of others) await assertSameHits(under(first as Edition), under(other));
}
