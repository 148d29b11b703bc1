export { CredentialsService } from './credentials/credentials.service.js';
export { accessEntities, type ApiKeyEntity, type PoolEntity, type RoleEntity } from './directory/directory.entity.js';
export { DirectoryService, type Agent, type IssuedKey, type PrincipalInfo } from './directory/directory.service.js';
export { assertWalls, ensureOrganization, issueOperatorKey, type FirstStart } from './first-start.js';
export type { DirectoryPool } from './gate/access.repository.js';
export { AccessService, actionsIn, type Grants } from './gate/access.service.js';
export { PolicyService, type PolicyVersion } from './gate/policy.service.js';
export * from './policy/vocabulary.js';
export {
  parsePolicyCases,
  runPolicyCases,
  SqlParams,
  verdict,
  type Access,
  type CaseReport,
  type CasesReport,
  type Check,
  type Decision,
  type Outcome,
  type PolicyCases,
  type PolicyStatement,
  type ReadFilter,
} from './policy/index.js';
export type { Principal, PrincipalKind } from './principal.js';
