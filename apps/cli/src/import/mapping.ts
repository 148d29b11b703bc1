import { isoInstant } from './iso-time.js';
import { ImportProblem, LineProblem } from './problems.js';
import {
  checkedInput,
  isMemoryType,
  MEMORY_TYPES,
  ownShape,
  type MemorizeInput,
  type MemoryType,
} from './memorize-input.js';

/** As given on the command line: each names a field of the line, dotted where it lies deeper. */
export interface MappingOptions {
  /** A constant, not a field: what every mapped line becomes; EPISODIC unless given. */
  type?: string;
  content?: string;
  /** Several fields, separated by commas, are joined with `#`. */
  session?: string;
  speaker?: string;
  entity?: string;
  validFrom?: string;
  /** Fields separated by commas; `evalId=id` stores the field id as evalId. */
  metadata?: string;
  /** Fields separated by commas, each a text or a list of texts. */
  labels?: string;
  assumeUtc?: boolean;
}

export interface FieldMapping {
  kind: 'fields';
  type: MemoryType;
  content: string;
  session: string[];
  speaker?: string;
  entity?: string;
  validFrom?: string;
  metadata: { key: string; field: string }[];
  labels: string[];
  assumeUtc: boolean;
}

export interface OwnShape {
  kind: 'own-shape';
  /** For lines that name none. */
  type?: MemoryType;
  assumeUtc: boolean;
}

export type Mapping = FieldMapping | OwnShape;
type LineRecord = Record<string, unknown>;

export function parseMapping(options: MappingOptions): Mapping {
  const assumeUtc = options.assumeUtc ?? false;
  const type = options.type?.toUpperCase();
  if (type !== undefined && !isMemoryType(type)) {
    throw new ImportProblem(`--type must be one of ${MEMORY_TYPES.join(', ')}, not ${options.type}.`);
  }
  const { content, session, speaker, entity, validFrom, metadata, labels } = options;
  const named = [content, session, speaker, entity, validFrom, metadata, labels];
  if (named.every((option) => option === undefined)) return { kind: 'own-shape', ...(type && { type }), assumeUtc };
  return {
    kind: 'fields',
    type: type ?? 'EPISODIC',
    content: content ?? 'content',
    session: fieldList(session, '--session'),
    ...(speaker && { speaker }),
    ...(entity && { entity }),
    ...(validFrom && { validFrom }),
    metadata: metadataFields(metadata),
    labels: fieldList(labels, '--labels'),
    assumeUtc,
  };
}

/** One parsed line as the input of memorize; `pool`, where given, decides over the line's own. */
export function mapLine(line: unknown, mapping: Mapping, pool: string | undefined): MemorizeInput {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) {
    throw new LineProblem('the line is JSON, but not an object');
  }
  const record = line as LineRecord;
  const input = mapping.kind === 'own-shape' ? fromOwnShape(record, mapping) : fromFields(record, mapping);
  return pool === undefined ? input : { ...input, pool };
}

/** The fields that the mapping reads, as typed: to say which of them no line had. */
export function mappedFields(mapping: Mapping): string[] {
  if (mapping.kind === 'own-shape') return [];
  const { content, session, speaker, entity, validFrom, metadata, labels } = mapping;
  const single = [content, speaker, entity, validFrom].filter((field) => field !== undefined);
  return [...new Set([...single, ...session, ...metadata.map(({ field }) => field), ...labels])];
}

/** The value of a field; a field whose own name has dots in it goes before the path. Null counts as missing. */
export function valueAt(record: LineRecord, field: string): unknown {
  if (Object.hasOwn(record, field)) return record[field] ?? undefined;
  let value: unknown = record;
  for (const part of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as LineRecord)[part];
  }
  return value ?? undefined;
}

function fromOwnShape(record: LineRecord, mapping: OwnShape): MemorizeInput {
  const typed = record.type == null && mapping.type ? { ...record, type: mapping.type } : record;
  return ownShape(typed, mapping.assumeUtc);
}

function fromFields(record: LineRecord, mapping: FieldMapping): MemorizeInput {
  const content = valueAt(record, mapping.content);
  if (content === undefined) throw new LineProblem(`the field ${mapping.content} (content) is missing`);
  if (typeof content !== 'string') throw new LineProblem(`the field ${mapping.content} (content) is not a text`);
  const date = mapping.validFrom && valueAt(record, mapping.validFrom);
  const labels = labelsOf(record, mapping.labels);
  const metadata = metadataOf(record, mapping.metadata);
  return checkedInput({
    content,
    type: mapping.type,
    ...given('entityId', textAt(record, mapping.entity)),
    ...given('sessionId', sessionOf(record, mapping.session)),
    ...given('speaker', textAt(record, mapping.speaker)),
    ...(labels.length > 0 && { labels }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(date !== undefined &&
      date !== '' && { validFrom: isoInstant(date, mapping.validFrom ?? '', mapping.assumeUtc) }),
  });
}

const given = (name: string, value: string | undefined): LineRecord => (value === undefined ? {} : { [name]: value });

function textAt(record: LineRecord, field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  const value = valueAt(record, field);
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new LineProblem(`the field ${field} is neither a text nor a number`);
}

function sessionOf(record: LineRecord, fields: string[]): string | undefined {
  const parts = fields.map((field) => textAt(record, field));
  if (parts.every((part) => part === undefined)) return undefined;
  // Half a name would throw the turns of several sessions together.
  const missing = fields.find((_, index) => parts[index] === undefined);
  if (missing !== undefined) throw new LineProblem(`the field ${missing} is missing, and the session needs it`);
  return parts.join('#');
}

function labelsOf(record: LineRecord, fields: string[]): string[] {
  const labels = fields.flatMap((field) => {
    const value = valueAt(record, field);
    if (!Array.isArray(value)) return textAt(record, field) ?? [];
    if (!value.every((label) => typeof label === 'string'))
      throw new LineProblem(`the field ${field} holds a label that is not a text`);
    return value as string[];
  });
  return [...new Set(labels)];
}

function metadataOf(record: LineRecord, fields: FieldMapping['metadata']): LineRecord {
  const values = fields.map(({ key, field }) => [key, valueAt(record, field)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function fieldList(option: string | undefined, name: string): string[] {
  if (option === undefined) return [];
  const fields = option.split(',').map((field) => field.trim());
  if (fields.some((field) => field === ''))
    throw new ImportProblem(`${name} names an empty field: ${JSON.stringify(option)}.`);
  return fields;
}

function metadataFields(option: string | undefined): FieldMapping['metadata'] {
  const fields = fieldList(option, '--metadata').map((entry) => {
    const [first = '', second] = entry.split('=', 2).map((part) => part.trim());
    return second === undefined
      ? { key: first.split('.').at(-1) ?? first, field: first }
      : { key: first, field: second };
  });
  const repeated = fields.find(({ key }, index) => fields.findIndex((other) => other.key === key) !== index);
  if (repeated) throw new ImportProblem(`--metadata names ${repeated.key} twice; rename one with key=field.`);
  const empty = fields.find(({ key, field }) => key === '' || field === '');
  if (empty) throw new ImportProblem('--metadata takes field or key=field, separated by commas.');
  return fields;
}
