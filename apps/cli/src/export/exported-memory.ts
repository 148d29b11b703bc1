import { type MemorizeInput } from '../import/memorize-input.js';

/** ACTIVE memories, newest first, as the broker lists them; their number only where it will be shown. */
export const MEMORIES = `query ExportMemories($filter: MemoryFilter, $after: String, $counting: Boolean!) {
  memories(filter: $filter, first: 100, after: $after) {
    nodes {
      content pool { key } type entityId sessionId speaker importance labels metadata validFrom expiresAt maskedFields
    }
    totalCount @include(if: $counting)
    pageInfo { hasNextPage endCursor }
  }
}`;

export interface MemoriesPage {
  nodes: ListedMemory[];
  totalCount?: number;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

type Nullable<T> = { [Key in keyof T]: T[Key] | null };
/** In the order of a line. Not the id, the author and the sources: they mean nothing at another broker. */
type Kept = Pick<
  MemorizeInput,
  'entityId' | 'sessionId' | 'speaker' | 'labels' | 'metadata' | 'validFrom' | 'expiresAt'
>;

export interface ListedMemory extends Nullable<Required<Kept>>, Required<Pick<MemorizeInput, 'type' | 'importance'>> {
  content: string | null;
  pool: { key: string };
  maskedFields: string[];
}

const HIDEABLE: readonly string[] = ['entityId', 'sessionId', 'speaker', 'labels', 'metadata'] satisfies (keyof Kept)[];

/** A line of the export; undefined for a memory without content, which could not be told again. */
export function inputOf(memory: ListedMemory): MemorizeInput | undefined {
  const { content, pool, type, importance, labels, ...rest } = memory;
  if (!content) return undefined;
  const { entityId, sessionId, speaker, metadata, validFrom, expiresAt } = rest;
  const optional = {
    entityId,
    sessionId,
    speaker,
    labels: labels?.length ? labels : null,
    metadata,
    validFrom,
    expiresAt,
  };
  const given = Object.entries(optional).filter(([, value]) => value !== null);
  return { content, pool: pool.key, type, importance, ...(Object.fromEntries(given) as Kept) };
}

/** The fields of a line that the policy hid. */
export const hiddenOf = ({ maskedFields }: ListedMemory): string[] =>
  maskedFields.filter((field) => HIDEABLE.includes(field));
