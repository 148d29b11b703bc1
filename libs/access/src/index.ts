export { CredentialsService } from './credentials/credentials.service.js';
export { accessEntities, type ApiKeyEntity, type PoolEntity, type RoleEntity } from './directory/directory.entity.js';
export { appendAudit, type AuditAction } from './audit/audit.repository.js';
export { AuditService, type AuditEntry, type AuditPage } from './audit/audit.service.js';
export { verifyAudit, type AuditVerification } from './audit/verify-audit.js';
export type { Anchor } from './audit/audit-chain.js';
export { findPrincipals } from './directory/directory.repository.js';
export { nextTime, NIGHTLY } from './directory/consolidation-schedule.js';
export { DEFAULT_LANGUAGE, LANGUAGES, type Language } from './directory/language.js';
export type { RecallWeights } from './directory/recall-weights.js';
export { DirectoryService, type Agent, type IssuedKey, type PrincipalInfo } from './directory/directory.service.js';
export { assertWalls, ensureOrganization, issueOperatorKey, type FirstStart } from './first-start.js';
export { readFeedEpoch, renewFeedEpoch, type FeedEpoch } from './feed-epoch.js';
export type { DirectoryPool } from './gate/access.repository.js';
export { AccessService, GrantsChanged, type Admission, type Waits } from './gate/access.service.js';
export { actionsIn, type ActivePolicy, type Grants } from './gate/snapshots.js';
export { findToldApart, type ToldApart } from './gate/told-apart.repository.js';
export { RehearsalService, type Rehearsal } from './gate/rehearsal.service.js';
export { PolicyService, type PolicyVersion } from './gate/policy.service.js';
export type { ConditionField } from './policy/catalogue.js';
export * from './policy/vocabulary.js';
export {
  parsePolicyCases,
  runPolicyCases,
  KnownRows,
  SqlParams,
  type SqlType,
  affectedBy,
  explain,
  simulatePool,
  verdict,
  wouldShowMore,
  type Access,
  type CaseReport,
  type CasesReport,
  type Check,
  type Decision,
  type Explanation,
  type SimulatedCell,
  type Outcome,
  type PolicyCases,
  type PolicyStatement,
  type ReadFilter,
} from './policy/index.js';
export type { Principal, PrincipalKind } from './principal.js';
