import { Foundation0000000000001 } from './0001-foundation.js';
import { ReviewAndAudit0000000000002 } from './0002-review-and-audit.js';
import { KeysThatEnd0000000000003 } from './0003-keys-that-end.js';
import { Webhooks0000000000004 } from './0004-webhooks.js';
import { Recall0000000000005 } from './0005-recall.js';
import { EmbeddingSpaces0000000000006 } from './0006-embedding-spaces.js';
import { Ranking0000000000007 } from './0007-ranking.js';
import { VectorIndexes0000000000008 } from './0008-vector-indexes.js';
import { PolicyLists0000000000009 } from './0009-policy-lists.js';
import { SearchByPool0000000000010 } from './0010-search-by-pool.js';
import { PoolLanguages0000000000011 } from './0011-pool-languages.js';
import { CountsForPlainOwners0000000000012 } from './0012-counts-for-plain-owners.js';
import { Consolidation0000000000013 } from './0013-consolidation.js';
import { ExtractionAndErasure0000000000015 } from './0015-extraction-and-erasure.js';
import { AuthorRole0000000000016 } from './0016-author-role.js';
import { Touched0000000000017 } from './0017-touched.js';
import { FenceOnceASnapshot0000000000018 } from './0018-fence-once-a-snapshot.js';
import { TouchIndex0000000000019 } from './0019-touch-index.js';
import { EventsOfPools0000000000020 } from './0020-events-of-pools.js';
import { RequestKeys0000000000021 } from './0021-request-keys.js';

/** Every migration, in order. One that has landed is never edited. */
export const migrations = [
  Foundation0000000000001,
  ReviewAndAudit0000000000002,
  KeysThatEnd0000000000003,
  Webhooks0000000000004,
  Recall0000000000005,
  EmbeddingSpaces0000000000006,
  Ranking0000000000007,
  VectorIndexes0000000000008,
  PolicyLists0000000000009,
  SearchByPool0000000000010,
  PoolLanguages0000000000011,
  CountsForPlainOwners0000000000012,
  Consolidation0000000000013,
  ExtractionAndErasure0000000000015,
  AuthorRole0000000000016,
  Touched0000000000017,
  FenceOnceASnapshot0000000000018,
  TouchIndex0000000000019,
  EventsOfPools0000000000020,
  RequestKeys0000000000021,
];
