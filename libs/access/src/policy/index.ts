export { CompiledPolicy, type Access, type Decision } from './ability.js';
export { compileCondition, conditionSql, evaluate, type Condition, type Truth } from './condition.js';
export { BUILT_IN_ROLES, defaultPolicy } from './default-policy.js';
export { systemFilter, type ReadFilter } from './read-filter.js';
export { SqlParams, type SqlType } from './sql-params.js';
export {
  assertAdministrable,
  parseStatements,
  type KnownKeys,
  type ParseOptions,
  type PolicyStatement,
} from './statement.js';
export * from './vocabulary.js';
