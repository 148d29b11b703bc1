import { Clock } from '#kernel';
import type { ChatModel } from '#llm';
import { Extractor, MemoryIndex, RecallService } from '#memory';
import { JobQueue } from '#platform';
import { insertParts, noteFailure, queueAgain } from '../../libs/memory/src/extraction/extraction.repository.js';
import type { Path } from './read-paths.js';
import { COMMON, type Twins } from './twins.js';

const talk = (key: string | null) => (twins: Twins) =>
  twins.broker.conversations.memorizeConversation(twins.callers.coder, {
    messages: [{ role: 'USER', content: `The ${COMMON} is blue by now` }],
    pool: 'coder',
    entityId: 'talk',
    idempotencyKey: key,
  });

/** What is learnt takes the place of what was known; the second time there is nothing left to learn. */
async function learn({ broker, callers, extraction, database, org }: Twins): Promise<void> {
  const { access, memorize, usage } = broker;
  // By words: another path has left a vector that fits none.
  const recall = new RecallService(access, new MemoryIndex(access, undefined, () => undefined), new Clock(), usage);
  const suggestion = {
    type: 'DECLARATIVE',
    importance: 'LOW',
    content: `The ${COMMON} is blue`,
    turns: ['T1'],
    supersedes: 'M1',
  };
  const model: ChatModel = {
    model: 'test',
    withinMs: 1_000,
    write: () => Promise.reject(new Error('asked for no text')),
    fill: <Answer>() => Promise.resolve({ answer: { memories: [suggestion] } as Answer, attempts: 1 }),
  };
  const extractor = new Extractor({
    access,
    memorize,
    recall,
    model,
    jobs: new JobQueue(database, () => undefined),
    clock: new Clock(),
  });
  await access.write(callers.coder, (unit) => queueAgain(unit, callers.coder, extraction, 900));
  await extractor.extract({ extractionId: extraction });
  await extractor.extract({ extractionId: extraction });
  const text = `select content from memory where org_id = $1 and entity_id = 'talk' and status = 'SUPERSEDED'`;
  const { rows } = await database.maintenance(text, [org]);
  if (rows.length !== 1) throw new Error(`superseded: ${JSON.stringify(rows)}`);
}

async function failToLearn({ broker: { access }, org, database, extraction }: Twins): Promise<void> {
  await database.maintenance(`update extraction set status = 'QUEUED' where extraction_id = $1`, [extraction]);
  const failure = { status: 'FAILED' as const, error: 'no model', asked: true };
  await access.system('test', (unit) => noteFailure(unit, org, extraction, failure));
}

async function erase({ broker, callers }: Twins): Promise<void> {
  const store = async (content: string, derivedFrom: string[] = []) =>
    (await broker.memorize.memorize(callers.coder, { content, type: 'EPISODIC', derivedFrom, entityId: 'gone' })).memory
      .id;
  const id = await store('to be erased');
  await broker.revise.revise(callers.coder, { id, expectedVersion: 1, content: 'to be erased, and revised' });
  await store('made of what is to be erased', [id]);
  await broker.erase.erase(callers.coder, { id });
  await store('to be erased with its entity');
  await broker.erase.erase(callers.coder, { entityId: 'gone' });
}

/** Counted with the other organisation's it would take a place that is taken. */
async function numberParts({ broker, callers, database, org, twin, ids, extraction }: Twins): Promise<void> {
  const part = 'SUPERSEDED' as const;
  const insert = `insert into extraction_memory (org_id, extraction_id, principal_id, part, place, memory_id, outcome)
    values ($1, $2, $3, $4, $5, $6, 'CREATED')`;
  await database.maintenance('delete from extraction_memory where extraction_id = $1 and part = $2', [
    extraction,
    part,
  ]);
  for (const place of [1, 4])
    await database.maintenance(insert, [org, extraction, callers.coder.id, part, place, ids.coders]);
  await database.maintenance('delete from extraction_memory where org_id = $1 and extraction_id = $2 and place = 4', [
    twin,
    extraction,
  ]);
  const memories = [{ memoryId: ids.revised, outcome: 'CREATED' as const }];
  await broker.access.write(callers.coder, (unit) => insertParts(unit, callers.coder, extraction, { part, memories }));
}

/** What was made of the erased had taken the place of another source, which stands again. */
async function eraseSuccessor({ broker, callers, database, org }: Twins): Promise<void> {
  const store = async (content: string, derivedFrom: string[] = []) =>
    (await broker.memorize.memorize(callers.coder, { content, type: 'EPISODIC', derivedFrom })).memory;
  const [root, source] = [await store('the root of it'), await store(`The ${COMMON} as it was told`)];
  const successor = await store(`The ${COMMON} in short`, [root.id, source.id]);
  await database.maintenance(
    `update memory set status = 'ARCHIVED', superseded_by = $3 where org_id = $1 and memory_id = $2`,
    [org, source.id, successor.id],
  );
  await database.maintenance('update pool set memories = memories - 1 where org_id = $1 and pool_id = $2', [
    org,
    source.poolId,
  ]);
  await broker.erase.erase(callers.coder, { id: root.id });
  const text = `select from memory where org_id = $1 and memory_id = $2 and status = 'ACTIVE'`;
  if ((await database.maintenance(text, [org, source.id])).rowCount !== 1) throw new Error('the source does not stand');
}

export const CONVERSATION_PATHS: readonly Path[] = [
  ['memorizing a conversation', talk(null)],
  ['memorizing a conversation again under its key', talk('talk')],
  ['failing to learn from a conversation', failToLearn],
  ['learning from a conversation', learn],
  ['numbering what was learnt', numberParts],
  ['erasing', erase],
  ['erasing what others have given way to', eraseSuccessor],
];
