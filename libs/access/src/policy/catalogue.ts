import { type SqlType } from './sql-params.js';
import { IMPORTANCES, MEMORY_STATUSES, MEMORY_TYPES, type MaskableField } from './vocabulary.js';

const EQUALITY = ['eq', 'ne', 'in', 'nin'] as const;
const ORDER = ['lt', 'lte', 'gt', 'gte'] as const;
const MEMBERSHIP = ['contains', 'containsAny'] as const;

export type Operator = (typeof EQUALITY)[number] | (typeof ORDER)[number] | (typeof MEMBERSHIP)[number];

/** The operators whose value is a list. */
export const LIST_OPERATORS: ReadonlySet<Operator> = new Set<Operator>(['in', 'nin', 'containsAny']);

export type ConditionField =
  | 'type'
  | 'status'
  | 'entityId'
  | 'sessionId'
  | 'speaker'
  | 'authorId'
  | 'authorRole'
  | 'importance'
  | 'labels'
  | 'createdAt'
  | 'validFrom';

/** An attribute of a memory that a condition may name, and where the database keeps it. */
export interface Attribute {
  readonly kind: 'enum' | 'text' | 'uuid' | 'importance' | 'labels' | 'time';
  readonly column: string;
  readonly sqlType: SqlType;
  /** A null makes every operator UNKNOWN. */
  readonly nullable: boolean;
  readonly operators: readonly Operator[];
  /** The values of an enum. */
  readonly values?: readonly string[];
}

const enumeration = (column: string, values: readonly string[]): Attribute => ({
  kind: 'enum',
  column,
  sqlType: 'text',
  nullable: false,
  operators: EQUALITY,
  values,
});
const text = (column: string): Attribute => ({
  kind: 'text',
  column,
  sqlType: 'text',
  nullable: true,
  operators: EQUALITY,
});
const time = (column: string, nullable: boolean): Attribute => ({
  kind: 'time',
  column,
  sqlType: 'timestamptz',
  nullable,
  operators: [...EQUALITY, ...ORDER],
});

/** Closed: what is not here cannot be named, so an admin's key never reaches SQL. */
export const CATALOGUE: Readonly<Record<ConditionField, Attribute>> = {
  type: enumeration('type', MEMORY_TYPES),
  status: enumeration('status', MEMORY_STATUSES),
  entityId: text('entity_id'),
  sessionId: text('session_id'),
  speaker: text('speaker'),
  authorId: { kind: 'uuid', column: 'author_id', sqlType: 'uuid', nullable: true, operators: EQUALITY },
  /** The author's role when it wrote the memory. */
  authorRole: text('author_role'),
  importance: {
    kind: 'importance',
    column: 'importance',
    sqlType: 'smallint',
    nullable: false,
    operators: [...EQUALITY, ...ORDER],
    values: IMPORTANCES,
  },
  labels: { kind: 'labels', column: 'labels', sqlType: 'text[]', nullable: false, operators: MEMBERSHIP },
  createdAt: time('created_at', false),
  validFrom: time('valid_from', true),
};

export const CONDITION_FIELDS = Object.keys(CATALOGUE) as ConditionField[];

/** What a condition calls what a statement can hide with a field; of content and metadata no condition speaks. */
export const HIDEABLE_ATTRIBUTES: Partial<Record<MaskableField, readonly ConditionField[]>> = {
  labels: ['labels'],
  author: ['authorId', 'authorRole'],
  entityId: ['entityId'],
  sessionId: ['sessionId'],
  speaker: ['speaker'],
};

/** The column of a field that a statement can hide. */
export const MASKABLE_COLUMNS: Readonly<Record<MaskableField, string>> = {
  content: 'content',
  labels: 'labels',
  metadata: 'metadata',
  author: 'author_id',
  entityId: 'entity_id',
  sessionId: 'session_id',
  speaker: 'speaker',
};
