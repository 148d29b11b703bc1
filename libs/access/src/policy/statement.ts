import { type JsonObject } from '#kernel';
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
  /** What READ shows (ALLOW) or hides (DENY); null: all of it. */
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
}

/**
 * Checks an admin's draft, or a stored version.
 * @throws BAD_INPUT naming the place, such as `statements.3.where.createdAt.lt`, what was wrong and what is allowed.
 */
export function parseStatements(_raw: unknown, _known: KnownKeys, _options: ParseOptions = {}): PolicyStatement[] {
  throw new Error('not written yet');
}

/**
 * The lockout guard.
 * @param heldRoles the roles that a live operator or agent holds
 * @throws BAD_INPUT when none of them keeps ADMINISTER
 */
export function assertAdministrable(_statements: readonly PolicyStatement[], _heldRoles: ReadonlySet<string>): void {
  throw new Error('not written yet');
}
