export { type Access, type Decision } from './access.js';
export { CompiledPolicy } from './compiled-policy.js';
export { parsePolicyCases, type PolicyCases } from './cases/policy-cases.js';
export { runPolicyCases, type CaseReport, type CasesReport, type Check, type Outcome } from './cases/run-cases.js';
export { compileCondition, evaluate, type Condition, type Truth } from './condition.js';
export { conditionSql } from './condition-sql.js';
export { BUILT_IN_ROLES, defaultPolicy } from './default-policy.js';
export { explain, type DecisionStep, type Explanation } from './explanation.js';
export { checkKey, KEY_FORMAT } from './keys.js';
export { KnownRows } from './known-rows.js';
export { systemFilter, type ReadFilter } from './read-filter.js';
export { SqlParams, type SqlType } from './sql-params.js';
export { affectedBy, simulatePool, type Owners, type SimulatedCell } from './simulation.js';
export { changesOf, type StatementChanges } from './statement-changes.js';
export { assertAdministrable } from './lockout.js';
export { assertReadLimit } from './read-limit.js';
export {
  parseStatements,
  POLICY_LIMITS,
  POOL_SELECTORS,
  type KnownKeys,
  type ParseOptions,
  type PolicyStatement,
} from './statement.js';
export { hashOf, keptAs, noteKept, valuesAsKeys } from './value-list.js';
export { wouldShowMore } from './widening.js';
export { verdict } from './verdict.js';
export * from './vocabulary.js';
