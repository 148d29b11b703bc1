import { badInput, CommonplaceError, jsonObject, newId, type JsonObject } from '#kernel';
import { checkedObject, listOf, nonEmpty, oneOf, short, some, someOf, textOf } from './checked.js';
import { conditionOf } from './condition.js';
import { parseTime } from './times.js';
import { ACTIONS, EFFECTS, MASKABLE_FIELDS, POOL_KINDS } from './vocabulary.js';
import { type Action, type Effect, type MaskableField } from './vocabulary.js';

/** One statement of a policy, checked: nothing in it is outside the vocabulary. */
export interface PolicyStatement {
  readonly id: string;
  readonly effect: Effect;
  /** Role keys; `*` is every role. */
  readonly roles: readonly string[];
  readonly actions: readonly Action[];
  /** Pool keys, `kind:SHARED|ROLE|AGENT`, `own`, `*`. */
  readonly pools: readonly string[];
  /** The condition as the admin wrote it; null: every memory. */
  readonly where: JsonObject | null;
  /** What READ shows (ALLOW) or hides (DENY, which leaves the row); null: all of it. The statement's other actions are whole. */
  readonly fields: readonly MaskableField[] | null;
  readonly expiresAt: Date | null;
  readonly reason: string | null;
}

/** The keys that exist in the organisation. */
export interface KnownKeys {
  readonly roles: ReadonlySet<string>;
  readonly pools: ReadonlySet<string>;
}

export interface ParseOptions {
  /** For stored versions: a role or pool named there may be gone by now. */
  readonly lenient?: boolean;
  readonly makeId?: () => string;
  /** Where the list stands in what was sent; refusals name the place below it. */
  readonly path?: string;
  /** Told of each statement that is refused, which is then left out, as long as it answers true; else the refusal is thrown. */
  readonly onRefusal?: (refusal: CommonplaceError) => boolean;
}

export const POLICY_LIMITS = { statements: 10_000, pools: 1_000, roles: 1_000, key: 64, id: 64, reason: 500 } as const;

const KEYS = ['id', 'effect', 'roles', 'actions', 'pools', 'where', 'fields', 'expiresAt', 'reason'] as const;

/** Selectors that are no pool's key; a pool must not be given one of these as its key. */
export const POOL_SELECTORS: readonly string[] = ['*', 'own', ...POOL_KINDS.map((kind) => `kind:${kind}`)];

/**
 * Checks an admin's draft, or a stored version.
 * @throws BAD_INPUT naming the place, such as `statements.3.where.createdAt.lt`, what was wrong and what is allowed.
 */
export function parseStatements(raw: unknown, known: KnownKeys, options: ParseOptions = {}): PolicyStatement[] {
  const { path = 'statements', onRefusal } = options;
  const seen = new Map<string, number>();
  const parse = (item: unknown, index: number): PolicyStatement => {
    const statement = parseStatement(item, `${path}.${index}`, known, options);
    const first = seen.get(statement.id);
    if (first !== undefined) throw badInput(`${path}.${index}.id`, `is the id of ${path}.${first} too`);
    seen.set(statement.id, index);
    return statement;
  };
  return listOf(raw, path, POLICY_LIMITS.statements).flatMap((item, index) => {
    try {
      return parse(item, index);
    } catch (error) {
      if (!(error instanceof CommonplaceError) || !onRefusal?.(error)) throw error;
      return [];
    }
  });
}

function parseStatement(item: unknown, path: string, known: KnownKeys, options: ParseOptions): PolicyStatement {
  const raw = checkedObject(item, path, { keys: KEYS, what: 'a statement' });
  const roles = options.lenient ? null : known.roles;
  const pools = options.lenient ? null : known.pools;
  const statement: PolicyStatement = {
    id: raw.id == null ? (options.makeId ?? newId)() : idOf(raw.id, `${path}.id`),
    effect: oneOf(EFFECTS, raw.effect, `${path}.effect`),
    roles: keysOf(raw.roles, `${path}.roles`, { known: roles, also: ['*'], atMost: POLICY_LIMITS.roles }),
    actions: someOf(ACTIONS, raw.actions, `${path}.actions`),
    pools: keysOf(raw.pools, `${path}.pools`, { known: pools, also: POOL_SELECTORS, atMost: POLICY_LIMITS.pools }),
    where: whereOf(raw.where, `${path}.where`, roles),
    fields: raw.fields == null ? null : someOf(MASKABLE_FIELDS, raw.fields, `${path}.fields`),
    expiresAt: raw.expiresAt == null ? null : dateOf(raw.expiresAt, `${path}.expiresAt`),
    reason: raw.reason == null ? null : textOf(raw.reason, `${path}.reason`, POLICY_LIMITS.reason) || null,
  };
  refuseSenseless(statement, path);
  return statement;
}

/** Combinations of sound parts that would not mean what they look like. */
function refuseSenseless({ actions, where, fields }: PolicyStatement, path: string): void {
  if (where && actions.includes('ADMINISTER')) {
    throw badInput(`${path}.where`, 'cannot stand with ADMINISTER, which is about no single memory');
  }
  if (fields && !actions.includes('READ')) {
    throw badInput(`${path}.fields`, 'says what READ shows; put READ among the actions or leave it out');
  }
}

/** What is kept is the copy that was checked. */
function whereOf(value: unknown, path: string, roles: ReadonlySet<string> | null): JsonObject | null {
  if (value == null) return null;
  const where = jsonObject(value, path);
  conditionOf(where, path);
  if (roles) refuseUnknownRoles(where, path, roles);
  return where;
}

/** A role that is misspelt would never be met: a DENY about it would deny nothing. */
function refuseUnknownRoles({ authorRole }: JsonObject, path: string, known: ReadonlySet<string>): void {
  for (const [operator, named] of Object.entries((authorRole ?? {}) as JsonObject)) {
    for (const role of [named].flat().map(String)) {
      if (known.has(role)) continue;
      throw badInput(
        `${path}.authorRole.${operator}`,
        `"${short(role)}" is no role here; there are ${some([...known])}`,
      );
    }
  }
}

interface KeyRules {
  /** Null: any well-formed key. */
  readonly known: ReadonlySet<string> | null;
  readonly also: readonly string[];
  readonly atMost: number;
}

function keysOf(value: unknown, path: string, { known, also, atMost }: KeyRules): string[] {
  const keys = nonEmpty(value, path, atMost).map((item, index) => {
    const key = textOf(item, `${path}.${index}`, POLICY_LIMITS.key);
    if (known === null ? key !== '' : known.has(key) || also.includes(key)) return key;
    throw badInput(
      `${path}.${index}`,
      `"${short(key)}" is not known here; there are ${some([...also, ...(known ?? [])])}`,
    );
  });
  return [...new Set(keys)];
}

function idOf(value: unknown, path: string): string {
  const id = textOf(value, path, POLICY_LIMITS.id);
  if (id === '' || id !== id.trim() || /\p{Cc}/u.test(id)) {
    throw badInput(path, 'must be text without control characters, and without space around it');
  }
  return id;
}

function dateOf(value: unknown, path: string): Date {
  const time = value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
  return new Date(parseTime(time, path));
}
