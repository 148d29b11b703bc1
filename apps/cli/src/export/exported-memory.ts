import { type MemorizeInput } from '../import/memorize-input.js';

/** Newest first, as the broker lists them; their number only where it will be shown, their past only where it is wanted. */
export const MEMORIES = `query ExportMemories($filter: MemoryFilter, $first: Int!, $after: String, $counting: Boolean!, $whole: Boolean!) {
  memories(filter: $filter, first: $first, after: $after) {
    nodes {
      content pool { key } type entityId sessionId speaker importance labels metadata validFrom expiresAt maskedFields
      status @include(if: $whole) history @include(if: $whole) { version content }
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
  status?: string;
  /** Newest first, with the content of now. */
  history?: { version: number; content: string }[];
}

/** Whatever has content, whether recall would find it or not. */
export const WHOLE = ['ACTIVE', 'PROPOSED', 'REJECTED', 'QUARANTINED', 'SUPERSEDED', 'ARCHIVED'];
const MOST_LABELS = 32;

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

/** The memory and what it said before, newest first; what is not so now says that in a label, so that an import shows it too. */
export function wholeOf(memory: ListedMemory): MemorizeInput[] {
  const input = inputOf(memory);
  if (!input) return [];
  const labelled = (content: string, marks: string[]): MemorizeInput => {
    const labels = [...marks, ...(input.labels ?? [])].slice(0, MOST_LABELS);
    return { ...input, content, ...(labels.length && { labels }) };
  };
  const { status = 'ACTIVE', history = [] } = memory;
  const marks = status === 'ACTIVE' ? [] : [`exported:${status}`];
  const before = history.slice(1).map(({ version, content }) => labelled(content, [`exported:version-${version}`]));
  return [labelled(input.content, marks), ...before];
}

/** The fields of a line that the policy hid. */
export const hiddenOf = ({ maskedFields }: ListedMemory): string[] =>
  maskedFields.filter((field) => HIDEABLE.includes(field));
