import { POOL_KINDS, type PoolRef } from './vocabulary.js';

/** The pools that a statement speaks about, for one role. */
export interface PoolSet {
  readonly ids: ReadonlySet<string>;
  /** Also the AGENT pools of whoever asks. */
  readonly own: boolean;
}

const NONE: ReadonlySet<string> = new Set();
const directories = new WeakMap<readonly PoolRef[], PoolDirectory>();

/** The pools of an organisation by every name that a statement can give them. */
export class PoolDirectory {
  /** In the order of their ids. */
  readonly byId: ReadonlyMap<string, PoolRef>;
  private readonly idByKey = new Map<string, string>();
  private readonly idsByKind = new Map<string, Set<string>>(POOL_KINDS.map((kind) => [`kind:${kind}`, new Set()]));
  private readonly idsByRole = new Map<string, Set<string>>();
  private readonly idsByOwner = new Map<string, Set<string>>();
  private readonly allIds: ReadonlySet<string>;

  private constructor(pools: readonly PoolRef[]) {
    const sorted = [...pools].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.byId = new Map(sorted.map((pool) => [pool.id, pool]));
    this.allIds = new Set(this.byId.keys());
    for (const pool of sorted) {
      this.idByKey.set(pool.key, pool.id);
      this.idsByKind.get(`kind:${pool.kind}`)?.add(pool.id);
      if (pool.kind === 'ROLE' && pool.role !== null) addTo(this.idsByRole, pool.role, pool.id);
      if (pool.kind === 'AGENT' && pool.ownerId !== null) addTo(this.idsByOwner, pool.ownerId.toLowerCase(), pool.id);
    }
  }

  static of(pools: readonly PoolRef[]): PoolDirectory {
    let directory = directories.get(pools);
    if (!directory) directories.set(pools, (directory = new PoolDirectory(pools)));
    return directory;
  }

  /** @param principalId in lower case */
  agentPoolsOf(principalId: string): ReadonlySet<string> {
    return this.idsByOwner.get(principalId) ?? NONE;
  }

  select(selectors: ReadonlySet<string>, role: string): PoolSet {
    if (selectors.has('*')) return { ids: this.allIds, own: false };
    const parts = [...selectors].map((selector) => this.idsOf(selector, role));
    const ids = parts.length === 1 ? parts[0] : new Set(parts.flatMap((part) => [...part]));
    return { ids: ids ?? NONE, own: selectors.has('own') };
  }

  /** A key that no pool has (any longer) selects nothing. */
  private idsOf(selector: string, role: string): ReadonlySet<string> {
    if (selector === 'own') return this.idsByRole.get(role) ?? NONE;
    const ofKind = this.idsByKind.get(selector);
    if (ofKind) return ofKind;
    const id = this.idByKey.get(selector);
    return id === undefined ? NONE : new Set([id]);
  }
}

function addTo(map: Map<string, Set<string>>, key: string, id: string): void {
  const ids = map.get(key);
  if (ids) ids.add(id);
  else map.set(key, new Set([id]));
}
