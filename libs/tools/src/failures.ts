import type { CommonplaceError } from '#kernel';
import { quoted } from './quoted.js';

/** What the services call the arguments. */
const ARGUMENTS: Record<string, string> = {
  entityId: 'user_id',
  type: 'memory_type',
  limit: 'max_results',
  'pools.0': 'pool',
  expectedVersion: 'version',
  memoryId: 'memory_id',
  principalId: 'agent_id',
};

/** A command of several changes that failed after the first of them was made. */
export class DoneInPart extends Error {
  constructor(readonly failure: CommonplaceError) {
    super(failure.message, { cause: failure });
  }
}

/** The failure in words that say what to mend; undefined for what a model cannot mend. */
export function toldFailure(error: CommonplaceError | DoneInPart): string | undefined {
  if (error instanceof DoneInPart) return told(error.failure, IN_PART, IN_PART);
  // The connection may have been lost after the commit.
  return told(error, 'nothing was done', 'it may not have been done');
}

const IN_PART = 'it was done in part; call it again for the rest';

function told(
  { code, message, details: { field, retryAfterMs } }: CommonplaceError,
  done: string,
  doneUnheard: string,
): string | undefined {
  switch (code) {
    case 'UNAUTHENTICATED':
    case 'ACCESS_REVOKED':
    case 'INTERNAL':
      return undefined;
    case 'BAD_INPUT': {
      const problem = field && message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;
      const name = argumentOf(field ?? 'arguments');
      return `Wrong arguments, and ${done}. ${name}: ${problem}${name === 'pool' ? HINT : ''}`;
    }
    case 'FORBIDDEN':
      return `Not allowed, and ${done}: ${message}${HINT}`;
    case 'RATE_LIMITED':
      return `Not now, and ${done}: ${message}${again(retryAfterMs)}`;
    case 'UNAVAILABLE':
      return `Not now, and ${doneUnheard}: ${message}${again(retryAfterMs)}`;
    case 'NOT_FOUND':
    case 'CONFLICT':
    case 'QUOTA_EXCEEDED':
    case 'CURSOR_EXPIRED':
      return `${done.charAt(0).toUpperCase()}${done.slice(1)}: ${message}`;
  }
}

const again = (retryAfterMs: number | undefined) => (retryAfterMs ? ` Try again in ${retryAfterMs} ms.` : '');

const HINT = '\nlist_pools says which pools there are and what you may do there.';

function argumentOf(field: string): string {
  const name = field.replace(/^(input|arguments)\./, '');
  return ARGUMENTS[name] ?? (/^[\w.]+$/.test(name) ? name : quoted(name));
}
