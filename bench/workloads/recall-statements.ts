import { AccessService } from '#access';
import { ratio, takeTurns, type Variant } from '../measure.js';
import { withOrganisation, type Organisation } from '../recall-organisation.repository.js';
import { MIXES, policyOf } from '../statements.js';
import { type Row, type Workload } from '../workload.js';
import { assertSameHits, recallThrough, WARM_ROUNDS, type Recall } from './recall-overhead.js';

const COUNTS = [10, 100, 1_000, 10_000];
/** Of 60 a ratio came out as much as 0.04 higher or lower from run to run. */
const ROUNDS = 150;

/** What a policy costs as it grows. */
export const recallStatements: Workload = {
  name: 'recall-statements',
  needsDatabase: true,
  run: (databaseUrl) =>
    withOrganisation(databaseUrl, async (organisation) => {
      const rows: Row[] = [];
      const byDefault = { version: 1, recall: recallThrough(gateOf(organisation), organisation) };
      for (const [place, name] of Object.keys(MIXES).entries()) {
        rows.push(...(await rowsOf(organisation, name, (place + 1) * 10, byDefault)));
      }
      return rows;
    }),
};

interface Edition {
  version: number;
  recall: Recall;
}

async function rowsOf(organisation: Organisation, name: string, from: number, byDefault: Edition): Promise<Row[]> {
  const editions: Edition[] = [];
  for (const [place, count] of COUNTS.entries()) {
    const version = from + place;
    await organisation.addPolicy(version, policyOf(MIXES[name] as (typeof MIXES)[string], count));
    editions.push({ version, recall: recallThrough(gateOf(organisation), organisation) });
  }
  await assertAlike(organisation, editions);
  const variants = [byDefault, ...editions].map((edition) => variantOf(organisation, edition));
  const rounds = await takeTurns(variants, ROUNDS, 10, WARM_ROUNDS);
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
const gateOf = ({ database, orgId }: Organisation) => new AccessService(database, orgId);

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
