// Made by generate.mjs from schema.graphql and operations.graphql: change those.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
export type FeedInput = {
  /** Default: from now on. */
  after?: string | null | undefined;
  entityId?: string | null | undefined;
  pools?: Array<string> | null | undefined;
  types?: Array<MemoryType> | null | undefined;
};

export type Importance = 'HIGH' | 'LOW' | 'MEDIUM';

export type MemorizeInput = {
  /** 1 to 32,768 characters. */
  content: string;
  derivedFrom?: Array<string> | null | undefined;
  entityId?: string | null | undefined;
  expiresAt?: string | null | undefined;
  /** Per principal, kept 24 hours: the same key and input again answers with the first memory and outcome; with another input CONFLICT. */
  idempotencyKey?: string | null | undefined;
  importance?: Importance | null | undefined;
  labels?: Array<string> | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  /** Default: the pool of the caller's own role; BAD_INPUT where there is none, as for admin. */
  pool?: string | null | undefined;
  sessionId?: string | null | undefined;
  speaker?: string | null | undefined;
  type: MemoryType;
  validFrom?: string | null | undefined;
};

export type MemorizeOutcome =
  | 'CREATED'
  /** The same content about the same entity stands in this pool already; its corroborations were counted. */
  | 'DUPLICATE'
  /** Stored as PROPOSED: the caller may propose, not write. */
  | 'PROPOSED'
  | 'QUARANTINED';

export type MemoryEventKind =
  /** Nothing passed the filter for a while: keep the cursor. */
  | 'CHECKPOINT'
  | 'FORGOTTEN'
  | 'MEMORIZED'
  | 'PROPOSED'
  | 'REVIEWED'
  | 'REVISED'
  /** The caller's access changed: list again what matters. */
  | 'SCOPE_CHANGED'
  | 'SUPERSEDED';

/**
 * Every condition must hold. metadata takes {key: value} or {key: {eq|ne|in|nin|gt|gte|lt|lte|contains|exists: …}}, with and / or / not;
 * contains asks a list for an element or a text for a part; a key that is not there matches only {exists: false}.
 */
export type MemoryFilter = {
  authorId?: string | null | undefined;
  createdAfter?: string | null | undefined;
  createdBefore?: string | null | undefined;
  entityId?: string | null | undefined;
  importance?: Array<Importance> | null | undefined;
  /** All of them. */
  labels?: Array<string> | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  pools?: Array<string> | null | undefined;
  sessionId?: string | null | undefined;
  /** Default: ACTIVE. */
  statuses?: Array<MemoryStatus> | null | undefined;
  types?: Array<MemoryType> | null | undefined;
};

export type MemoryStatus =
  /** Readable by whoever may read its pool. */
  | 'ACTIVE'
  /** Folded into a summary by consolidation; kept, and restored by undo. */
  | 'ARCHIVED'
  /** Forgotten: a tombstone without content. */
  | 'FORGOTTEN'
  /** Written by an agent that may only propose to this pool; seen by its author and by whoever may REVIEW there. */
  | 'PROPOSED'
  /** Held back by the write scan or by a reviewer. */
  | 'QUARANTINED'
  /** Refused by a reviewer; kept for its author and the reviewers. */
  | 'REJECTED'
  /** Replaced by a newer memory; kept. */
  | 'SUPERSEDED';

export type MemoryType =
  /** A fact: about a user, a project, a system. */
  | 'DECLARATIVE'
  /** Something that happened: a conversation turn, a tool run, an outcome. */
  | 'EPISODIC'
  /** How to do something: a pattern, a checklist, an instruction. */
  | 'PROCEDURAL';

export type RecallInput = {
  /** What was known and true at this time: written by then, valid then, not yet superseded then. A memory that was revised since has the content of then. Default: now. */
  asOf?: string | null | undefined;
  entityId?: string | null | undefined;
  filter?: MemoryFilter | null | undefined;
  includeSuperseded?: boolean | null | undefined;
  /** 1 to 100. */
  limit?: number | null | undefined;
  /** At most this many from one pool, so that a large pool cannot crowd out the others. */
  perPoolLimit?: number | null | undefined;
  /** Default: every pool that the caller may read. */
  pools?: Array<string> | null | undefined;
  /** 1 to 8,192 characters. */
  query: string;
  sessionId?: string | null | undefined;
  /** The context holds at most this many tokens, as o200k_base counts them; a hit that is too long for what is left gives its place to the next. */
  tokenBudget?: number | null | undefined;
  /** Default: all three, searched together. */
  types?: Array<MemoryType> | null | undefined;
};

export type ReviseInput = {
  content?: string | null | undefined;
  expectedVersion: number;
  expiresAt?: string | null | undefined;
  id: string;
  importance?: Importance | null | undefined;
  labels?: Array<string> | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  reason?: string | null | undefined;
};

export type ToolFormat = 'ANTHROPIC' | 'MCP' | 'OPENAI';

export type ToldFragment = {
  id: string;
  type: MemoryType;
  status: MemoryStatus;
  content: string | null;
  entityId: string | null;
  sessionId: string | null;
  speaker: string | null;
  importance: Importance;
  labels: Array<string> | null;
  metadata: Record<string, unknown> | null;
  maskedFields: Array<string>;
  version: number;
  createdAt: string;
  updatedAt: string;
  validFrom: string | null;
  validTo: string | null;
  expiresAt: string | null;
  indexed: boolean;
  pool: { key: string };
  author: { id: string; name: string; role: string } | null;
};

export type MemorizeMutationVariables = Exact<{
  input: MemorizeInput;
}>;

export type MemorizeMutation = {
  memorize: {
    outcome: MemorizeOutcome;
    indexed: boolean;
    memory: {
      id: string;
      type: MemoryType;
      status: MemoryStatus;
      content: string | null;
      entityId: string | null;
      sessionId: string | null;
      speaker: string | null;
      importance: Importance;
      labels: Array<string> | null;
      metadata: Record<string, unknown> | null;
      maskedFields: Array<string>;
      version: number;
      createdAt: string;
      updatedAt: string;
      validFrom: string | null;
      validTo: string | null;
      expiresAt: string | null;
      indexed: boolean;
      pool: { key: string };
      author: { id: string; name: string; role: string } | null;
    };
  };
};

export type RecallQueryVariables = Exact<{
  input: RecallInput;
}>;

export type RecallQuery = {
  recall: {
    context: string;
    degraded: Array<string>;
    policyVersion: number;
    searchedPools: Array<string>;
    hits: Array<{
      rank: number;
      score: number;
      memory: {
        id: string;
        type: MemoryType;
        status: MemoryStatus;
        content: string | null;
        entityId: string | null;
        sessionId: string | null;
        speaker: string | null;
        importance: Importance;
        labels: Array<string> | null;
        metadata: Record<string, unknown> | null;
        maskedFields: Array<string>;
        version: number;
        createdAt: string;
        updatedAt: string;
        validFrom: string | null;
        validTo: string | null;
        expiresAt: string | null;
        indexed: boolean;
        pool: { key: string };
        author: { id: string; name: string; role: string } | null;
      };
    }>;
  };
};

export type ReviseMutationVariables = Exact<{
  input: ReviseInput;
}>;

export type ReviseMutation = {
  revise: {
    id: string;
    type: MemoryType;
    status: MemoryStatus;
    content: string | null;
    entityId: string | null;
    sessionId: string | null;
    speaker: string | null;
    importance: Importance;
    labels: Array<string> | null;
    metadata: Record<string, unknown> | null;
    maskedFields: Array<string>;
    version: number;
    createdAt: string;
    updatedAt: string;
    validFrom: string | null;
    validTo: string | null;
    expiresAt: string | null;
    indexed: boolean;
    pool: { key: string };
    author: { id: string; name: string; role: string } | null;
  };
};

export type ForgetMutationVariables = Exact<{
  id: string;
  reason?: string | null | undefined;
}>;

export type ForgetMutation = { forget: { id: string } };

export type FeedCursorQueryVariables = Exact<{ [key: string]: never }>;

export type FeedCursorQuery = { feedCursor: string };

export type FeedSubscriptionVariables = Exact<{
  input: FeedInput;
}>;

export type FeedSubscription = {
  memoryFeed: {
    id: string;
    kind: MemoryEventKind;
    cursor: string;
    at: string | null;
    memoryId: string | null;
    poolKey: string | null;
    policyVersion: number;
    memory: {
      id: string;
      type: MemoryType;
      status: MemoryStatus;
      content: string | null;
      entityId: string | null;
      sessionId: string | null;
      speaker: string | null;
      importance: Importance;
      labels: Array<string> | null;
      metadata: Record<string, unknown> | null;
      maskedFields: Array<string>;
      version: number;
      createdAt: string;
      updatedAt: string;
      validFrom: string | null;
      validTo: string | null;
      expiresAt: string | null;
      indexed: boolean;
      pool: { key: string };
      author: { id: string; name: string; role: string } | null;
    } | null;
  };
};

export type ToolDefinitionsQueryVariables = Exact<{
  format: ToolFormat;
}>;

export type ToolDefinitionsQuery = { toolDefinitions: Array<Record<string, unknown>> };

export type CallToolMutationVariables = Exact<{
  name: string;
  arguments: Record<string, unknown>;
}>;

export type CallToolMutation = { callTool: { content: string; isError: boolean } };

export const MemorizeDocument =
  'mutation Memorize($input: MemorizeInput!) {\n  memorize(input: $input) {\n    outcome\n    indexed\n    memory {\n      ...Told\n    }\n  }\n}\nfragment Told on Memory {\n  id\n  pool {\n    key\n  }\n  type\n  status\n  content\n  entityId\n  sessionId\n  speaker\n  importance\n  labels\n  metadata\n  author {\n    id\n    name\n    role\n  }\n  maskedFields\n  version\n  createdAt\n  updatedAt\n  validFrom\n  validTo\n  expiresAt\n  indexed\n}';
export const RecallDocument =
  'query Recall($input: RecallInput!) {\n  recall(input: $input) {\n    context\n    degraded\n    policyVersion\n    searchedPools\n    hits {\n      rank\n      score\n      memory {\n        ...Told\n      }\n    }\n  }\n}\nfragment Told on Memory {\n  id\n  pool {\n    key\n  }\n  type\n  status\n  content\n  entityId\n  sessionId\n  speaker\n  importance\n  labels\n  metadata\n  author {\n    id\n    name\n    role\n  }\n  maskedFields\n  version\n  createdAt\n  updatedAt\n  validFrom\n  validTo\n  expiresAt\n  indexed\n}';
export const ReviseDocument =
  'mutation Revise($input: ReviseInput!) {\n  revise(input: $input) {\n    ...Told\n  }\n}\nfragment Told on Memory {\n  id\n  pool {\n    key\n  }\n  type\n  status\n  content\n  entityId\n  sessionId\n  speaker\n  importance\n  labels\n  metadata\n  author {\n    id\n    name\n    role\n  }\n  maskedFields\n  version\n  createdAt\n  updatedAt\n  validFrom\n  validTo\n  expiresAt\n  indexed\n}';
export const ForgetDocument =
  'mutation Forget($id: ID!, $reason: String) {\n  forget(id: $id, reason: $reason) {\n    id\n  }\n}';
export const FeedCursorDocument = 'query FeedCursor {\n  feedCursor\n}';
export const FeedDocument =
  'subscription Feed($input: FeedInput!) {\n  memoryFeed(input: $input) {\n    id\n    kind\n    cursor\n    at\n    memoryId\n    poolKey\n    policyVersion\n    memory {\n      ...Told\n    }\n  }\n}\nfragment Told on Memory {\n  id\n  pool {\n    key\n  }\n  type\n  status\n  content\n  entityId\n  sessionId\n  speaker\n  importance\n  labels\n  metadata\n  author {\n    id\n    name\n    role\n  }\n  maskedFields\n  version\n  createdAt\n  updatedAt\n  validFrom\n  validTo\n  expiresAt\n  indexed\n}';
export const ToolDefinitionsDocument =
  'query ToolDefinitions($format: ToolFormat!) {\n  toolDefinitions(format: $format)\n}';
export const CallToolDocument =
  'mutation CallTool($name: String!, $arguments: JSONObject!) {\n  callTool(name: $name, arguments: $arguments) {\n    content\n    isError\n  }\n}';
