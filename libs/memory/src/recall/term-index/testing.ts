import { termVector } from '../term-vector.js';
import type { TermRow } from './term-index.repository.js';

/** As a page of the pool would bring it. */
export const termRow = (id: string, words: string, changes: Partial<TermRow> = {}): TermRow => ({
  id,
  poolId: 'pool',
  type: 'EPISODIC',
  status: 'ACTIVE',
  entityId: null,
  sessionId: null,
  speaker: null,
  authorId: null,
  authorRole: null,
  importance: 'MEDIUM',
  labels: [],
  createdAt: new Date(0),
  validFrom: null,
  validTo: null,
  expiresAt: null,
  terms: termVector(words.split(' ')),
  length: words.split(' ').length,
  traits: 0,
  day: 0,
  ...changes,
});
