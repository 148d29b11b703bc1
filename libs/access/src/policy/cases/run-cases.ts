import { type Access } from '../access.js';
import { CompiledPolicy } from '../compiled-policy.js';
import { verdict } from '../verdict.js';
import { ACTIONS, MASKABLE_FIELDS, type Action, type MaskableField, type MemoryRow } from '../vocabulary.js';
import { type PolicyCase } from './expectations.js';
import { type PolicyCases } from './policy-cases.js';

export interface Outcome {
  readonly allowed: boolean;
  /** What READ hides of the memory. */
  readonly hidden: readonly MaskableField[];
}

/** One principal, one memory, one action. */
export interface Check {
  readonly principal: string;
  readonly memory: string;
  readonly action: Action;
  readonly expected: Outcome;
  readonly got: Outcome;
  readonly passed: boolean;
  /** Why the policy answered so; it names the statement that decided. */
  readonly reason: string;
}

export interface CaseReport {
  readonly name: string;
  readonly passed: boolean;
  readonly checks: readonly Check[];
}

export interface CasesReport {
  readonly cases: readonly CaseReport[];
  readonly checks: number;
  readonly failed: number;
}

/** Asks the policy what the product would ask it, once for each principal, memory and action of each case. */
export function runPolicyCases(document: PolicyCases): CasesReport {
  const policy = new CompiledPolicy(1, document.statements, document.now);
  const accesses = new Map(
    [...document.cast.principals].map(([name, who]) => [name, policy.forPrincipal(who, document.cast.pools)]),
  );
  const cases = document.cases.map((one) => runCase(one, accesses, document.memories));
  const checks = cases.flatMap((one) => one.checks);
  return { cases, checks: checks.length, failed: checks.filter(({ passed }) => !passed).length };
}

function runCase(
  one: PolicyCase,
  accesses: ReadonlyMap<string, Access>,
  memories: ReadonlyMap<string, MemoryRow>,
): CaseReport {
  const checks = one.principals.flatMap((principal) =>
    one.memories.flatMap((memory) => {
      const access = accesses.get(principal) as Access;
      const row = memories.get(memory) as MemoryRow;
      return ACTIONS.map((action) => ({ principal, memory, action, ...check(one, action, access, row) }));
    }),
  );
  return { name: one.name, passed: checks.every(({ passed }) => passed), checks };
}

function check(
  one: PolicyCase,
  action: Action,
  access: Access,
  row: MemoryRow,
): Pick<Check, 'expected' | 'got' | 'passed' | 'reason'> {
  const { allowed, reason } = verdict(access, action, row);
  const got = { allowed, hidden: action === 'READ' && allowed ? hiddenFields(access, row) : [] };
  const expected = { allowed: one.allow.includes(action), hidden: action === 'READ' ? one.hidden : [] };
  const passed = got.allowed === expected.allowed && got.hidden.join() === expected.hidden.join();
  return { expected, got, passed, reason };
}

/** In the order of the vocabulary, as in an expectation. */
function hiddenFields(access: Access, row: MemoryRow): MaskableField[] {
  const visible = access.visibleFields(row);
  return MASKABLE_FIELDS.filter((field) => !visible.has(field));
}
