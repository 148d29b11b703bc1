export { ForgetService } from './change/forget.service.js';
export { ReviseService, type ReviseInput } from './change/revise.service.js';
export { ConsolidationService, type ConsolidateInput } from './consolidation/consolidation.service.js';
export { ConsolidationWorker, type ConsolidationTiming } from './consolidation/consolidation-worker.js';
export {
  CHANGE_STATES,
  CONSOLIDATION_MODES,
  RUN_STATUSES,
  type ConsolidationRun,
  type StoredChange,
} from './consolidation/consolidation.js';
export { ChatSummarizer } from './consolidation/chat-summarizer.js';
export { FACTS_AT_ONCE, type Passages, type Summarizer } from './consolidation/summarizer.js';
export type { Contradiction, Fact } from './consolidation/contradictions.js';
export { CompleteService, type CompleteInput, type Completion } from './completion/complete.service.js';
export { EmbedBacklog, type EmbedJob } from './embed-backlog.js';
export { EraseService, type EraseInput, type ErasureReceipt } from './erasure/erase.service.js';
export {
  ConversationsService,
  EXTRACT_JOB,
  type ExtractJob,
  type MemorizedConversation,
} from './extraction/conversations.service.js';
export { MESSAGE_ROLES, type ConversationInput } from './extraction/conversation.js';
export { EXTRACTION_STATUSES, type ShownExtraction } from './extraction/extraction.js';
export { Extractor } from './extraction/extractor.js';
export { ExplainService, type ExplainInput } from './rehearsal/explain.service.js';
export { SimulateService, type AccessChange, type Simulation } from './rehearsal/simulate.service.js';
export { PromoteService } from './review/promote.service.js';
export { ReviewService } from './review/review.service.js';
export { MemoryIndex } from './memory-index.js';
export {
  memoriesTogether,
  toMemory,
  type IndexSpace,
  type MemoryTogether,
  type ReadScope,
} from './memory.repository.js';
export type { Memorized, MemorizeOutcome, Memory, MemoryRevision } from './memory.js';
export type { MemorizeInput } from './memorize/memorize-command.js';
export { MemorizeService, type MemorizedMany, type MemorizeFailure } from './memorize/memorize.service.js';
export { MemoriesService, type MemoryPage } from './read/memories.service.js';
export type { MemoryFilterInput } from './read/memory-filter.js';
export { languagesOf, readablePoolIds } from './read/pools.js';
export type { RecallInput } from './recall/query.js';
export { RecallService, type RecallHit, type RecallResult } from './recall/recall.service.js';
export { TermIndex } from './recall/term-index/term-index.js';
export { Reanalysis } from './reanalysis/reanalysis.js';
export { SpaceFiller, type IndexProgress } from './spaces/space-filler.js';
export { KeptVectors } from './vectors/kept/kept-vectors.js';
export { SearchCosts } from './vectors/search-costs.js';
export { VectorIndexes } from './vectors/vector-indexes.js';
export { UsageCounter } from './usage/usage-counter.js';
export { LIMITS, optionalText } from './input.js';
