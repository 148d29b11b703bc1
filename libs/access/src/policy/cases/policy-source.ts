import { badInput } from '#kernel';
import { checkedObject } from '../checked.js';
import { defaultPolicy } from '../default-policy.js';
import { parseStatements, type KnownKeys, type PolicyStatement } from '../statement.js';

/** What a document names as its policy, by whoever knows where the document is. */
export type ReadPolicy = (file: string) => unknown;

/** The fields of the API's Policy and of ActivatePolicyInput: either may be kept in a file as it is. */
const KEYS = ['statements', 'version', 'expectedVersion', 'active', 'author', 'comment', 'createdAt'] as const;

/**
 * `default`, a file, or the policy itself.
 * @throws BAD_INPUT naming the place, which for a file begins with `policy.` too
 */
export function policyStatements(source: unknown, known: KnownKeys, readPolicy: ReadPolicy): PolicyStatement[] {
  if (source === undefined || source === null || source === '') {
    throw badInput('policy', 'is missing: default, the path of a file, or {statements: […]}');
  }
  if (source === 'default') return defaultPolicy();
  const { policy, path } = unwrap(typeof source === 'string' ? readPolicy(source) : source, 'policy');
  const { statements } = checkedObject(policy, path, { keys: KEYS, what: 'a policy' });
  return parseStatements(statements, known, { path: `${path}.statements` });
}

/** The answer of a query is `{data: {policy: {…}}}`. Each at most once: an alias may make a value that contains itself. */
function unwrap(source: unknown, from: string): { policy: unknown; path: string } {
  let [policy, path] = [source, from];
  for (const wrapping of ['data', 'policy']) {
    const [entry, more] = typeof policy === 'object' && policy !== null ? Object.entries(policy) : [];
    if (!entry || more || entry[0] !== wrapping) continue;
    [policy, path] = [entry[1], `${path}.${wrapping}`];
  }
  return { policy, path };
}
