import { LIMITS } from '../input.js';
import type { MemorizeInput } from '../memorize/memorize-command.js';
import type { Memory } from '../memory.js';
import { roleOf, type Shown, type Suggestion } from './suggestions.js';

const LABEL = 'extracted';
/** What the policy's conditions look at is handed on; whoever is not shown it cannot hand it on. */
const HANDED_ON = ['labels', 'speaker', 'entityId', 'sessionId'];
/** What ends sooner is over before it is stored. */
const LEAST_LIFE_MS = 1_000;

/** What is to be stored of a suggestion: for those who hear of what it comes from, and no longer. Null where it is not to be. */
export function inputOf(
  suggestion: Suggestion,
  { turns: shown, known }: Shown,
  { pool, now }: { pool: string; now: Date },
): MemorizeInput | null {
  const { content, type, importance, supersedes } = suggestion;
  const turns = suggestion.turns.map((place) => shown[place] as Memory);
  // Its words may have gone into the new one, also where it is not superseded in the end.
  const old = supersedes === null ? undefined : known[supersedes];
  const sources = old ? [...turns, old] : turns;
  const labels = [...new Set(sources.flatMap((source) => source.labels ?? []))];
  const expiresAt = firstEnd(turns);
  const isOver = expiresAt !== null && expiresAt.getTime() < now.getTime() + LEAST_LIFE_MS;
  const isTooMuch = labels.length > LIMITS.labels || sources.length > LIMITS.derivedFrom;
  if (!isSupported(suggestion, turns) || sources.some(isPartlyHidden) || isOver || isTooMuch) return null;
  const { entityId, sessionId, speaker } = turns[0] as Memory;
  return {
    content,
    type,
    importance,
    pool,
    entityId,
    sessionId,
    speaker: turns.every((turn) => turn.speaker === speaker) ? speaker : null,
    labels: [...new Set([...labels, LABEL])].slice(0, LIMITS.labels),
    validFrom: turns.map(({ validFrom }) => validFrom).find(Boolean) ?? null,
    expiresAt,
    derivedFrom: sources.map(({ id }) => id),
  };
}

/** What a tool printed, a page of the web for one, gives facts at best: nobody of the team said how something is to be done. */
const isSupported = ({ type, content }: Suggestion, turns: readonly Memory[]): boolean =>
  content !== '' && (type !== 'PROCEDURAL' || turns.every((turn) => roleOf(turn) !== 'TOOL'));

const isPartlyHidden = ({ maskedFields }: Memory): boolean => maskedFields.some((field) => HANDED_ON.includes(field));

/** What was said only for a while is learnt only for a while. */
function firstEnd(turns: readonly Memory[]): Date | null {
  const ends = turns.flatMap(({ expiresAt }) => expiresAt?.getTime() ?? []);
  return ends.length ? new Date(Math.min(...ends)) : null;
}
