import { Foundation0000000000001 } from './0001-foundation.js';
import { ReviewAndAudit0000000000002 } from './0002-review-and-audit.js';
import { KeysThatEnd0000000000003 } from './0003-keys-that-end.js';
import { Webhooks0000000000004 } from './0004-webhooks.js';
import { Ranking0000000000007 } from './0007-ranking.js';

/** Every migration, in order. One that has landed is never edited. */
export const migrations = [
  Foundation0000000000001,
  ReviewAndAudit0000000000002,
  KeysThatEnd0000000000003,
  Webhooks0000000000004,
  Ranking0000000000007,
];
