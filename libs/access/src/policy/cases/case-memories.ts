import { checkedObject, listOf, oneOf, textOf } from '../checked.js';
import { parseTime } from '../times.js';
import { IMPORTANCES, MEMORY_STATUSES, MEMORY_TYPES, type MemoryRow, type PoolRef } from '../vocabulary.js';
import { idOf, known, type Cast } from './cast.js';
import { namedEntries } from './named-entries.js';

const MOST_MEMORIES = 5_000;
const MOST_LABELS = 32;
const LONGEST_TEXT = 1_000;
const KEYS = [
  'pool',
  'type',
  'status',
  'author',
  'entityId',
  'sessionId',
  'speaker',
  'importance',
  'labels',
  'createdAt',
  'validFrom',
] as const;

/** Memories by name. What one leaves out is the usual: ACTIVE, DECLARATIVE, MEDIUM, made `now` by nobody in the document. */
export function parseMemories(raw: unknown, cast: Cast, now: Date): Map<string, MemoryRow> {
  const pools = new Map(cast.pools.map((pool) => [pool.key, pool]));
  return new Map(
    namedEntries(raw, 'memories', MOST_MEMORIES).map(([name, item]) => {
      const path = `memories.${name}`;
      const given = checkedObject(item, path, { keys: KEYS, what: 'a memory' });
      return [name, { id: idOf('memory', name), ...parseMemory(given, path, { cast, pools, now }) }];
    }),
  );
}

type Given = Partial<Record<(typeof KEYS)[number], unknown>>;

interface Surroundings {
  readonly cast: Cast;
  readonly pools: ReadonlyMap<string, PoolRef>;
  readonly now: Date;
}

function parseMemory(given: Given, path: string, { cast, pools, now }: Surroundings): Omit<MemoryRow, 'id'> {
  const text = (key: 'entityId' | 'sessionId' | 'speaker') =>
    given[key] == null ? null : textOf(given[key], `${path}.${key}`, LONGEST_TEXT);
  const time = (key: 'createdAt' | 'validFrom') =>
    given[key] == null ? null : new Date(parseTime(given[key], `${path}.${key}`));
  const author = given.author == null ? null : known(cast.principals, given.author, `${path}.author`);
  const writer = author === null ? undefined : cast.principals.get(author);
  return {
    poolId: (pools.get(known(pools, given.pool, `${path}.pool`)) as PoolRef).id,
    type: oneOf(MEMORY_TYPES, given.type ?? 'DECLARATIVE', `${path}.type`),
    status: oneOf(MEMORY_STATUSES, given.status ?? 'ACTIVE', `${path}.status`),
    importance: oneOf(IMPORTANCES, given.importance ?? 'MEDIUM', `${path}.importance`),
    authorId: writer?.id ?? idOf('principal', '(nobody in the document)'),
    authorRole: writer?.role ?? null,
    entityId: text('entityId'),
    sessionId: text('sessionId'),
    speaker: text('speaker'),
    labels: labelsOf(given.labels ?? [], `${path}.labels`),
    createdAt: time('createdAt') ?? now,
    validFrom: time('validFrom'),
  };
}

const labelsOf = (value: unknown, path: string): string[] =>
  listOf(value, path, MOST_LABELS).map((label, index) => textOf(label, `${path}.${index}`, LONGEST_TEXT));
