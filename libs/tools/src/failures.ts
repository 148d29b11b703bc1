import type { CommonplaceError } from '#kernel';

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

/** The failure in words that say what to mend; undefined for what a model cannot mend. */
export function toldFailure({ code, message, details: { field, retryAfterMs } }: CommonplaceError): string | undefined {
  switch (code) {
    case 'UNAUTHENTICATED':
    case 'ACCESS_REVOKED':
    case 'INTERNAL':
      return undefined;
    case 'BAD_INPUT': {
      const problem = field && message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;
      const name = argumentOf(field ?? 'arguments');
      return `Wrong arguments, and nothing was done. ${name}: ${problem}${name === 'pool' ? HINT : ''}`;
    }
    case 'FORBIDDEN':
      return `Not allowed, and nothing was done: ${message}${HINT}`;
    case 'RATE_LIMITED':
    case 'UNAVAILABLE':
      return `Not now, and nothing was done: ${message}${retryAfterMs ? ` Try again in ${retryAfterMs} ms.` : ''}`;
    case 'NOT_FOUND':
    case 'CONFLICT':
    case 'QUOTA_EXCEEDED':
    case 'CURSOR_EXPIRED':
      return `Nothing was done: ${message}`;
  }
}

const HINT = '\nlist_pools says which pools there are and what you may do there.';

function argumentOf(field: string): string {
  const name = field.replace(/^input\./, '');
  return ARGUMENTS[name] ?? name;
}
