/** What must hold for a caller beside the organisation and the fence, which every row policy asks for. */
export type Bound = 'pools' | 'administer' | 'principal';
export type Command = 'select' | 'insert' | 'update' | 'delete';

/** Every row policy of callers, as it is meant. A table or a command that is new is written down here. */
export const BOUNDS: Record<string, Partial<Record<Command, Bound | null>>> = {
  organization: { select: null },
  role: { select: null, insert: 'administer' },
  principal: { select: null, insert: 'administer' },
  api_key: { select: 'administer', insert: 'administer', update: 'administer' },
  // Which pools there are, everybody of the organisation may know; their numbers move with what is written into them.
  pool: { select: null, insert: 'administer', update: 'pools' },
  policy: { select: null, insert: 'administer' },
  policy_head: { select: null, update: 'administer' },
  policy_list: { select: null },
  embedding_space: { select: null },
  memory: { select: 'pools', insert: 'pools', update: 'pools' },
  memory_revision: { select: 'pools', insert: 'pools', delete: 'pools' },
  memory_source: { select: 'pools', insert: 'pools' },
  memory_event: { select: 'pools', insert: 'pools' },
  memory_usage: { select: 'pools', delete: 'pools' },
  pool_weights: { select: null, insert: 'administer', update: 'administer', delete: 'administer' },
  pool_language: { select: null, insert: 'administer', update: 'administer' },
  pool_consolidation: { select: null, insert: 'administer', update: 'administer' },
  consolidation_run: { select: 'pools', insert: 'pools', update: 'pools' },
  consolidation_change: { select: 'pools' },
  memory_vector: { select: 'pools', insert: 'pools', delete: 'pools' },
  audit_entry: { select: 'administer' },
  webhook: { select: 'administer', insert: 'administer', update: 'administer', delete: 'administer' },
  webhook_dead_letter: { select: 'administer', update: 'administer' },
  extraction: { select: 'principal', insert: 'principal', update: 'principal' },
  extraction_memory: { select: 'principal', insert: 'principal' },
  idempotency: { select: 'principal', insert: 'principal', update: 'principal', delete: 'principal' },
};

/** An update that reads no column and changes nothing that another table refers to. */
export const UPDATES: Record<string, string> = {
  api_key: 'revoked_at = null',
  pool: 'seq = 0',
  policy_head: 'directory_version = 1',
  memory: 'importance = 2',
  pool_weights: 'usage = 0',
  pool_language: `language = 'FRENCH'`,
  pool_consolidation: 'cron = null',
  consolidation_run: 'failures = 0',
  extraction: 'error = null',
  idempotency: 'outcome = null',
  webhook: 'failures = 0',
  webhook_dead_letter: 'redeliver_at = null',
};
