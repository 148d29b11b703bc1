/** What the demo asks of the broker, and the shapes of the answers that it reads. */
export interface DemoMemory {
  id: string;
  version: number;
  status: string;
  content: string | null;
  pool: { key: string };
  author: { name: string; role: string } | null;
}

export interface MemorizePayload {
  memory: DemoMemory;
  outcome: 'CREATED' | 'DUPLICATE' | 'PROPOSED' | 'QUARANTINED';
}

export interface MemorizeManyPayload {
  results: MemorizePayload[];
  failures: { index: number; code: string; message: string }[];
}

export interface DemoHit {
  score: number;
  memory: DemoMemory;
}

export interface FeedEvent {
  id: string;
  kind: string;
  memory: DemoMemory | null;
  memoryId: string | null;
  poolKey: string | null;
}

const MEMORY = 'id version status content pool { key } author { name role }';

export const REGISTER = `mutation DemoRegister($input: RegisterAgentInput!) {
  registerAgent(input: $input) { agent { id name } issuedKey { key { id } secret } }
}`;
export const REVOKE_KEY = 'mutation DemoRevokeKey($id: ID!) { revokeKey(id: $id) { id } }';
export const POOLS = 'query DemoPools { pools { key allowedActions } }';
export const VIEWER = 'query DemoViewer { viewer { name role } }';
export const FEED_CURSOR = 'query DemoFeedCursor { feedCursor }';
export const FEED = `subscription DemoFeed($input: FeedInput) {
  memoryFeed(input: $input) { id kind memoryId poolKey memory { ${MEMORY} } }
}`;
export const MEMORIZE_MANY = `mutation DemoMemorize($inputs: [MemorizeInput!]!) {
  memorizeMany(inputs: $inputs) { results { outcome memory { ${MEMORY} } } failures { index code message } }
}`;
export const MEMORIZE = `mutation DemoMemorizeOne($input: MemorizeInput!) {
  memorize(input: $input) { outcome memory { ${MEMORY} } }
}`;
export const REVISE = `mutation DemoRevise($input: ReviseInput!) { revise(input: $input) { ${MEMORY} } }`;
export const FORGET = 'mutation DemoForget($id: ID!, $reason: String) { forget(id: $id, reason: $reason) { id } }';
export const REVIEW = `mutation DemoReview($id: ID!, $approve: Boolean!, $comment: String) {
  review(id: $id, approve: $approve, comment: $comment) { ${MEMORY} }
}`;
export const PROMOTE = `mutation DemoPromote($id: ID!, $toPool: String!) {
  promote(id: $id, toPool: $toPool) { outcome memory { ${MEMORY} } }
}`;
export const RECALL = `query DemoRecall($input: RecallInput!) {
  recall(input: $input) { hits { score memory { ${MEMORY} } } }
}`;
export const CONTEXT = 'query DemoContext($input: RecallInput!) { recall(input: $input) { context } }';
export const MEMORY_BY_ID = `query DemoMemory($id: ID!) { memory(id: $id) { ${MEMORY} } }`;
export const AUDIT_LOG = 'query DemoAuditLog { auditLog(first: 1) { nodes { id } } }';
export const EXPLAIN = `query DemoExplain($input: ExplainAccessInput!) {
  explainAccess(input: $input) { reason }
}`;
