export { type Access, type Decision } from './access.js';
export { CompiledPolicy } from './compiled-policy.js';
export { compileCondition, evaluate, type Condition, type Truth } from './condition.js';
export { conditionSql } from './condition-sql.js';
export { BUILT_IN_ROLES, defaultPolicy } from './default-policy.js';
export { systemFilter, type ReadFilter } from './read-filter.js';
export { SqlParams, type SqlType } from './sql-params.js';
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
export { verdict } from './verdict.js';
export * from './vocabulary.js';
