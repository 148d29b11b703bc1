import { ACTIONS, EFFECTS, IMPORTANCES, LANGUAGES, MEMORY_STATUSES, MEMORY_TYPES, POOL_KINDS } from '#access';
import { PAUSE_REASONS } from '#feed';
import { CHANGE_STATES, CONSOLIDATION_MODES, RUN_STATUSES } from '#memory';
import { EXTRACTION_STATUSES, MESSAGE_ROLES } from '#memory';
import { TOOL_FORMATS } from '#tools';
import { registerEnumType } from '@nestjs/graphql';

/** graphql's enums want an object: {READ: 'READ', …}. */
function asEnum<Value extends string>(values: readonly Value[]): { [Key in Value]: Key } {
  return Object.fromEntries(values.map((value) => [value, value])) as { [Key in Value]: Key };
}

export const MemoryType = asEnum(MEMORY_TYPES);
registerEnumType(MemoryType, {
  name: 'MemoryType',
  valuesMap: {
    EPISODIC: { description: 'Something that happened: a conversation turn, a tool run, an outcome.' },
    DECLARATIVE: { description: 'A fact: about a user, a project, a system.' },
    PROCEDURAL: { description: 'How to do something: a pattern, a checklist, an instruction.' },
  },
});

export const Importance = asEnum(IMPORTANCES);
registerEnumType(Importance, { name: 'Importance' });

export const Language = asEnum(LANGUAGES);
registerEnumType(Language, {
  name: 'Language',
  description: "What a pool's memories are written in: how their words are brought to their stems.",
});

export const MemoryStatus = asEnum(MEMORY_STATUSES);
registerEnumType(MemoryStatus, {
  name: 'MemoryStatus',
  valuesMap: {
    ACTIVE: { description: 'Readable by whoever may read its pool.' },
    PROPOSED: {
      description:
        'Written by an agent that may only propose to this pool; seen by its author and by whoever may REVIEW there.',
    },
    REJECTED: { description: 'Refused by a reviewer; kept for its author and the reviewers.' },
    QUARANTINED: { description: 'Held back by the write scan or by a reviewer.' },
    SUPERSEDED: { description: 'Replaced by a newer memory; kept.' },
    ARCHIVED: { description: 'Folded into a summary by consolidation; kept, and restored by undo.' },
    FORGOTTEN: { description: 'Forgotten: a tombstone without content.' },
  },
});

export const PoolKind = asEnum(POOL_KINDS);
registerEnumType(PoolKind, {
  name: 'PoolKind',
  valuesMap: {
    SHARED: { description: "The organisation's own pool; the default policy lets every role read it." },
    ROLE: { description: 'The pool of one role: planner, coder, reviewer, tester or one that an admin added.' },
    AGENT: { description: 'The private pool of one agent.' },
  },
});

export const PrincipalKind = asEnum(['AGENT', 'OPERATOR'] as const);
registerEnumType(PrincipalKind, { name: 'PrincipalKind' });

export const Action = asEnum(ACTIONS);
registerEnumType(Action, {
  name: 'Action',
  valuesMap: {
    WRITE: { description: 'Store a new memory that is ACTIVE at once.' },
    PROPOSE: { description: 'Store a new memory as PROPOSED.' },
    REVIEW: {
      description:
        "See, approve or reject proposals and quarantined memories, never one's own; promote between pools. Does not include READ.",
    },
    ADMINISTER: { description: 'Pools, roles, agents, keys and policies.' },
  },
});

export const Effect = asEnum(EFFECTS);
registerEnumType(Effect, { name: 'Effect' });

export const MemorizeOutcome = asEnum(['CREATED', 'DUPLICATE', 'PROPOSED', 'QUARANTINED'] as const);
registerEnumType(MemorizeOutcome, {
  name: 'MemorizeOutcome',
  valuesMap: {
    DUPLICATE: {
      description:
        'The same content about the same entity stands in this pool already; its corroborations were counted.',
    },
    PROPOSED: { description: 'Stored as PROPOSED: the caller may propose, not write.' },
  },
});

export const MemoryEventKind = asEnum([
  'MEMORIZED',
  'REVISED',
  'SUPERSEDED',
  'FORGOTTEN',
  'PROPOSED',
  'REVIEWED',
  'CHECKPOINT',
  'SCOPE_CHANGED',
] as const);
registerEnumType(MemoryEventKind, {
  name: 'MemoryEventKind',
  valuesMap: {
    CHECKPOINT: { description: 'Nothing passed the filter for a while: keep the cursor.' },
    SCOPE_CHANGED: { description: "The caller's access changed: list again what matters." },
  },
});

export const RunStatus = asEnum(RUN_STATUSES);
registerEnumType(RunStatus, { name: 'RunStatus' });

export const ConsolidationMode = asEnum(CONSOLIDATION_MODES);
registerEnumType(ConsolidationMode, {
  name: 'ConsolidationMode',
  valuesMap: {
    RULES: { description: 'Sentences chosen from the sources, and words that mark a change.' },
    LLM: { description: 'A model; where it fails, the rules: see fallbacks.' },
  },
});

export const ConsolidationState = asEnum(CHANGE_STATES);
registerEnumType(ConsolidationState, {
  name: 'ConsolidationState',
  valuesMap: {
    SKIPPED: { description: 'Others had changed its memories before the run came to them.' },
    LEFT: { description: 'Others had changed its memories before the run was undone.' },
  },
});

export const WebhookState = asEnum(['ACTIVE', 'PAUSED'] as const);
registerEnumType(WebhookState, { name: 'WebhookState' });

export const WebhookPauseReason = asEnum(PAUSE_REASONS);
registerEnumType(WebhookPauseReason, {
  name: 'WebhookPauseReason',
  valuesMap: {
    ACCESS_REVOKED: { description: 'Its principal may read none of its pools any more.' },
    TOO_MANY_POOLS: { description: 'Its principal may read more pools than a feed follows: name some of them.' },
    GONE: { description: 'The receiver answered 410.' },
    DEAD_LETTERS: { description: 'So many events in a row were given up that nobody seems to be there.' },
  },
});

export const CompletionSource = asEnum(['LLM', 'MEMORY', 'NONE'] as const);
registerEnumType(CompletionSource, {
  name: 'CompletionSource',
  valuesMap: {
    LLM: { description: 'The language model.' },
    MEMORY: { description: 'PROCEDURAL memories, put together: the model did not answer, or there is none.' },
    NONE: { description: 'Nobody: the model did not answer, and no memory fits.' },
  },
});

export const MessageRole = asEnum(MESSAGE_ROLES);
registerEnumType(MessageRole, { name: 'MessageRole' });

export const ExtractionStatus = asEnum(EXTRACTION_STATUSES);
registerEnumType(ExtractionStatus, {
  name: 'ExtractionStatus',
  valuesMap: {
    QUEUED: { description: 'The language model is still to read it, for the first time or again.' },
    FAILED: { description: 'Given up; error says why, and retryExtraction tries again.' },
    SKIPPED: { description: 'There is no language model: the turns are stored, and nothing is learnt from them.' },
  },
});
export const ToolFormat = asEnum(TOOL_FORMATS);
registerEnumType(ToolFormat, { name: 'ToolFormat' });
