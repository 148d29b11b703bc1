import { issueOperatorKey, renewFeedEpoch } from '#access';
import { TrimLog } from '#feed';
import { Reanalysis } from '#memory';
import { noteUse, upsertPrincipal } from '../../libs/access/src/credentials/credentials.repository.js';
import { settleLanguage, takeOfPool } from '../../libs/memory/src/reanalysis/reanalysis.repository.js';
import { addUses } from '../../libs/memory/src/usage/usage.repository.js';
import { deleteOldClaims, settleClaims } from '../../libs/memory/src/memorize/idempotency.repository.js';
import { THERE_ALONE } from './twin.js';
import type { Path } from './read-paths.js';
import { CONSOLIDATION_ELSEWHERE } from './consolidation-elsewhere.js';
import { CONSOLIDATION_PATHS } from './consolidation-paths.js';
import { CONVERSATION_PATHS } from './conversation-paths.js';
import { CHANGING_VECTORS, MOVING_VECTORS } from './vector-paths.js';
import { WEBHOOK_PATHS } from './webhook-paths.js';
import { ABOUT, COMMON, SAME, type Name, type Twins } from './twins.js';

interface Input {
  pool?: string;
  content?: string;
  idempotencyKey?: string;
  derivedFrom?: string[];
}

const typed = (input: Input) => ({ type: 'EPISODIC' as const, content: SAME, ...ABOUT, ...input });
const memorize = ({ broker, callers }: Twins, name: Name, input: Input) =>
  broker.memorize.memorize(callers[name], typed(input));

function memorizeMany({ broker, callers }: Twins): Promise<unknown> {
  const contents = [SAME, `Many of the ${COMMON}`];
  const inputs = ['coder', 'shared', 'planner'].flatMap((pool) => contents.map((content) => typed({ pool, content })));
  return broker.memorize.memorizeMany(callers.coder, inputs);
}

/** New ones, by one statement. */
function memorizeInTwoPools({ broker, callers }: Twins): Promise<unknown> {
  const pools = ['coder', `agent:${callers.annie.id}`];
  const contents = [1, 2, 3].map((nth) => `In both, ${nth} of the ${COMMON}`);
  const inputs = pools.flatMap((pool) => contents.map((content) => typed({ pool, content })));
  return broker.memorize.memorizeMany(callers.annie, inputs);
}

/** By one statement, again, and with what stands there. */
async function memorizeUnderOneKey({ broker, callers, ids }: Twins): Promise<void> {
  const send = (key: string, ...contents: string[]) =>
    broker.memorize.memorizeMany(
      callers.annie,
      contents.map((content) => typed({ pool: 'coder', content })),
      key,
    );
  // The first under a key looks for old ones, too.
  await send('looks for old ones', `One key for the ${COMMON}`);
  for (let again = 0; again < 2; again++)
    await send('of all', `One statement for the ${COMMON}`, `Two of the ${COMMON}`);
  await send('of what stands', SAME, `Beside what is the ${COMMON}`);
  const refused = typed({ pool: 'coder', derivedFrom: [ids.planners] });
  await broker.memorize.memorizeMany(callers.annie, [refused], 'refused');
}

/** The tree of /memories: a file is made, changed, moved and deleted. */
async function changeTree({ broker, callers }: Twins): Promise<void> {
  const [path, moved] = ['/memories/notes/one', '/memories/kept/one'];
  for (const given of [
    { command: 'create', path, file_text: COMMON },
    { command: 'str_replace', path, old_str: COMMON, new_str: SAME },
    { command: 'rename', old_path: path, new_path: moved },
    { command: 'delete', path: '/memories/kept' },
  ]) {
    const { content, isError } = await broker.tools.call(callers.annie, 'memory', given);
    if (isError) throw new Error(content);
  }
}

const MEMORIZE: readonly Path[] = [
  ['the tree of /memories', changeTree],
  [
    'memorizing by a tool',
    ({ broker, callers }) =>
      broker.tools.call(callers.coder, 'memorize', { content: `A tool for the ${COMMON}`, memory_type: 'episodic' }),
  ],
  ['memorizing', (twins) => memorize(twins, 'coder', { content: `New in the ${COMMON}` })],
  [
    'memorizing with sources',
    (twins) => memorize(twins, 'coder', { content: COMMON, derivedFrom: [twins.ids.coders] }),
  ],
  ['memorizing what stands there', (twins) => memorize(twins, 'coder', { pool: 'coder' })],
  [
    'memorizing for longer what expires',
    (twins) => memorize(twins, 'coder', { content: `The ${COMMON} of what is expiring` }),
  ],
  ['proposing', (twins) => memorize(twins, 'tester', { pool: 'shared', content: 'Another proposal' })],
  ['proposing what stands there', (twins) => memorize(twins, 'tester', { pool: 'shared' })],
  [
    'proposing what stands in other pools',
    (twins) => memorize(twins, 'tester', { pool: 'shared', content: `The ${COMMON} of what is planners` }),
  ],
  [
    'proposing the same again',
    (twins) => memorize(twins, 'coder', { pool: 'shared', content: `A proposal for the ${COMMON}` }),
  ],
  ['memorizing under a key', (twins) => memorize(twins, 'coder', { content: 'Once', idempotencyKey: 'free here' })],
  [
    'memorizing under keys by one statement',
    async (twins) => {
      // The first under a key looks for old ones, too.
      for (const key of ['looks for old ones', 'by one statement'])
        await memorize(twins, 'annie', { pool: 'coder', content: `Under a key that ${key}`, idempotencyKey: key });
    },
  ],
  ['answering a key again', (twins) => memorize(twins, 'coder', { content: 'Once', idempotencyKey: 'free here' })],
  [
    'memorizing under a key what stands there',
    (twins) => memorize(twins, 'coder', { pool: 'coder', idempotencyKey: 'stands here' }),
  ],
  ['memorizing many', memorizeMany],
  ['memorizing under one key', memorizeUnderOneKey],
  ['memorizing in two pools', memorizeInTwoPools],
  ['giving a key back', giveKeyBack],
  ['sweeping old keys', sweepOldKeys],
];

function giveKeyBack({ broker, callers, org }: Twins): Promise<void> {
  const nothing = { key: 'refused here', memoryId: null, outcome: null };
  return broker.access.write(callers.coder, (unit) => settleClaims(unit, org, callers.coder.id, [nothing]));
}

/** Fewer at once than are old in the twin. */
async function sweepOldKeys({ broker, callers, org }: Twins): Promise<void> {
  const swept = await broker.access.write(callers.coder, (unit) => deleteOldClaims(unit, org, callers.coder.id, 100));
  if (swept !== 1) throw new Error(`${swept} old keys were swept, and not one`);
}

const revise = ({ broker, callers, ids }: Twins, expectedVersion: number, change: object) =>
  broker.revise.revise(callers.coder, { id: ids.revised, expectedVersion, ...change });

const CHANGE: readonly Path[] = [
  ['counting recalls', countUses],
  ['revising the importance', (twins) => revise(twins, 3, { importance: 'HIGH' })],
  ['revising the content', (twins) => revise(twins, 4, { content: `Once more of the ${COMMON}` })],
  [
    'revising to what stands in another pool',
    (twins) => revise(twins, 5, { content: `The ${COMMON} of what is planners` }),
  ],
  ['forgetting', ({ broker, callers, ids }) => broker.forget.forget(callers.coder, ids.revised)],
  ...CHANGING_VECTORS,
];

/** Of one that was counted before, one that was counted in the twin alone, and one that was forgotten. */
function countUses({ broker, ids, org }: Twins): Promise<number> {
  const uses = [ids.planners, ids.coders, ids.forgotten].map((memoryId) => ({ memoryId, count: 2, last: new Date() }));
  return broker.access.system('test', (unit) => addUses(unit, org, uses));
}

const promote = ({ broker, callers, ids }: Twins, name: Name, to: string) =>
  broker.promote.promote(callers[name], ids.coders, to);

/** Of the coder's and the tester's proposals, which are the same; and of one that stands in the pool by then. */
async function decide(twins: Twins): Promise<void> {
  const { broker, callers } = twins;
  const [first, second, third] = await twins.proposals();
  for (const [id, approve] of [
    [first, true],
    [second, true],
    [third, false],
  ] as const)
    if (id) await codeOf(broker.review.review(callers.reviewer, { id, approve, comment: 'decided' }));
}

/** A copy that waits: its source is asked about again. */
async function decideOnCopy(twins: Twins): Promise<void> {
  const { broker, callers } = twins;
  const { version, statements } = await broker.policies.policy(callers.admin, null);
  const more = { effect: 'ALLOW', roles: ['tester'], actions: ['REVIEW'], pools: ['coder'] };
  await broker.policies.activate(callers.admin, { expectedVersion: version, statements: [...statements, more] });
  const { memory } = await promote(twins, 'tester', 'shared');
  await broker.review.review(callers.reviewer, { id: memory.id, approve: true });
  await broker.policies.rollback(callers.admin, version, version + 1);
}

const REVIEW: readonly Path[] = [
  ['promoting', (twins) => promote(twins, 'tester', 'tester')],
  [
    'promoting what was revised',
    ({ broker, callers, ids }) => broker.promote.promote(callers.tester, ids.revised, 'tester'),
  ],
  ['promoting again', (twins) => promote(twins, 'tester', 'tester')],
  ['deciding on proposals', decide],
  ['deciding on a promoted copy, and rolling the policy back', decideOnCopy],
];

const registerAgent = ({ broker, callers }: Twins) =>
  broker.directory.registerAgent(callers.admin, { name: 'new', role: 'coder', privatePool: true });

async function issueAndRevoke({ broker, callers }: Twins): Promise<void> {
  const { key } = await broker.directory.issueKey(callers.admin, callers.tester.id, null);
  await broker.directory.revokeKey(callers.admin, key.id);
}

const revokeShared = ({ broker, callers }: Twins) =>
  broker.directory.revokeKey(callers.admin, callers.annie.keyId as string);

const codeOf = (work: Promise<unknown>) => work.catch((error: { code?: string }) => error.code);

/** All of it is refused, for none of it is here. */
function nameWhatIsThereAlone({ broker: { directory }, callers: { admin } }: Twins): Promise<unknown> {
  const { agent, key, poolKey, role } = THERE_ALONE;
  return Promise.all([
    codeOf(directory.registerAgent(admin, { name: 'new', role })),
    codeOf(directory.issueKey(admin, agent, null)),
    codeOf(directory.revokeKey(admin, key)),
    codeOf(directory.setLanguage(admin, poolKey, 'FRENCH')),
    codeOf(directory.scheduleConsolidation(admin, poolKey, null)),
    codeOf(directory.weighPool(admin, poolKey, null)),
  ]);
}

async function activate({ broker, callers }: Twins): Promise<void> {
  const { version, statements } = await broker.policies.policy(callers.admin, null);
  await broker.policies.activate(callers.admin, { expectedVersion: version, statements });
}

const noteUses = ({ broker, callers, org }: Twins) =>
  broker.access.system('test', (unit) => noteUse(unit, org, [callers.coder.keyId as string]));

const signInWithToken = ({ broker, callers: { annie }, org }: Twins) =>
  broker.access.system('test', (unit) => upsertPrincipal(unit, { ...annie, orgId: org }));

/** Of this organisation's memories and the twin's. */
async function readAgain({ broker: { access }, database, org, twin }: Twins): Promise<void> {
  await database.maintenance('update memory set analysis = 1 where content is not null');
  const failed = (error: unknown) => {
    throw error;
  };
  const read = await new Reanalysis(access, () => undefined, failed).run();
  const text = 'select count(*)::integer as n from memory where org_id = $1 and analysis = 1 and content is not null';
  const left = async (id: string) => (await database.maintenance<{ n: number }>(text, [id])).rows[0]?.n;
  if (read === 0 || (await left(org)) !== 0 || (await left(twin)) === 0) throw new Error('others were read again');
}

/** First where only this organisation's events are old, then where only the twin's are. What went is put back: others count it. */
async function trimTheLog({ broker, database, org, twin }: Twins): Promise<void> {
  const trim = async (aged: string) => {
    const text = `update memory_event set occurred_at = occurred_at - interval '8 days' where seq in (1, 2) and org_id = $1`;
    await database.maintenance(text, [aged]);
    return new TrimLog(broker.access, 7, () => undefined).run();
  };
  const { rows } = await database.maintenance<{ events: unknown[] }>(
    'select json_agg(e) as events from memory_event e',
  );
  if ((await trim(org)) === 0 || (await trim(twin)) !== 0) throw new Error('the wrong log was trimmed');
  await database.maintenance(
    'insert into memory_event select * from json_populate_recordset(null::memory_event, $1::json) on conflict do nothing',
    [JSON.stringify(rows[0]?.events)],
  );
}

/** Another pool keeps what it has. */
async function weighPool(twins: Twins): Promise<void> {
  const { broker, callers, database, org } = twins;
  const weights = { importance: 0.1, recency: 0.1, usage: 0.1 };
  const weigh = (pool: string, one: typeof weights | null) => broker.directory.weighPool(callers.admin, pool, one);
  await weigh('tester', weights);
  await twins.onlyPool('tester', (pool) => pool.recallWeights !== null);
  for (const one of [weights, { ...weights, usage: 0 }, null]) await weigh('coder', one);
  const { rows } = await database.maintenance('select pool_id from pool_weights where org_id = $1', [org]);
  if (rows.length !== 1) throw new Error(`${rows.length} pools are weighed, and not one`);
  await weigh('tester', null);
}

/** The tester's pool holds what it holds, and none of it is read in the language of another. */
async function othersAreEnglish({ broker, callers, database, org }: Twins): Promise<void> {
  const poolId = (await broker.access.grants(callers.admin)).pools.find(({ key }) => key === 'tester')?.id as string;
  const read = await broker.access.system('test', (unit) => takeOfPool(unit, org, { poolId, after: null }, 1_000));
  const held = 'select from memory where org_id = $1 and pool_id = $2 and content is not null';
  const { rowCount } = await database.maintenance(held, [org, poolId]);
  if (read.length !== rowCount || read.some(({ language }) => language !== 'ENGLISH'))
    throw new Error(`read of ${rowCount}: ${JSON.stringify(read)}`);
}

/** There and back, and read again each time. */
async function changeLanguage(twins: Twins): Promise<void> {
  const { broker, callers, database, org } = twins;
  const { access, directory } = broker;
  const failed = (error: unknown) => {
    throw error;
  };
  for (const language of ['FRENCH', 'ENGLISH']) {
    await directory.setLanguage(callers.admin, 'coder', language);
    if (language === 'FRENCH') {
      await twins.onlyPool('coder', (pool) => pool.language === language);
      await othersAreEnglish(twins);
    }
    await new Reanalysis(access, () => undefined, failed).run();
  }
  const insert = `insert into pool_language select org_id, pool_id, 'ENGLISH', 'GERMAN' from pool where org_id = $1 and key = 'planner'`;
  await database.maintenance(insert, [org]);
  const { pools } = await access.grants(callers.admin);
  const settled = { poolId: pools.find(({ key }) => key === 'coder')?.id as string, language: 'ENGLISH' as const };
  await access.system('test', (unit) => settleLanguage(unit, org, settled));
  const others = `delete from pool_language where org_id = $1 and read_in = 'GERMAN'`;
  if ((await database.maintenance(others, [org])).rowCount !== 1) throw new Error('another pool was settled');
  const text = 'select language, read_in from pool_language where org_id = $1';
  const { rows } = await database.maintenance(text, [org]);
  const wanted = [{ language: 'ENGLISH', read_in: 'ENGLISH' }];
  if (JSON.stringify(rows) !== JSON.stringify(wanted)) throw new Error(`left: ${JSON.stringify(rows)}`);
}

const ADMINISTER: readonly Path[] = [
  [
    'making a role',
    ({ broker, callers }) => broker.directory.createRole(callers.admin, { key: THERE_ALONE.laterRole }),
  ],
  [
    'making a pool',
    ({ broker, callers }) => broker.directory.createPool(callers.admin, { key: 'made', kind: 'ROLE', role: 'coder' }),
  ],
  ['weighing a pool', weighPool],
  ['changing the language of a pool', changeLanguage],
  ['registering an agent', registerAgent],
  ['issuing and revoking a key', issueAndRevoke],
  ['revoking a key that both have', revokeShared],
  ['naming a role, an agent, a key and a pool of the other organisation', nameWhatIsThereAlone],
  ['activating a policy', activate],
  ['noting the use of keys', noteUses],
  ['signing in with a token', signInWithToken],
  ['reading memories again', readAgain],
  ['trimming the log', trimTheLog],
  ...MOVING_VECTORS,
  ['another key for the operator', ({ database }) => issueOperatorKey(database, true)],
  ['another epoch of the feed', ({ database }) => renewFeedEpoch(database)],
];

/** In this order: what is administered last ends keys that the others need. */
export const WRITE_PATHS: readonly Path[] = [
  ...MEMORIZE,
  ...REVIEW,
  ...CHANGE,
  ...WEBHOOK_PATHS,
  ...CONSOLIDATION_PATHS,
  ...CONSOLIDATION_ELSEWHERE,
  ...CONVERSATION_PATHS,
  ...ADMINISTER,
];
