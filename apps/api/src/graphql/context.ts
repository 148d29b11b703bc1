import type { ApiKeyEntity, DirectoryService, Principal, PrincipalInfo } from '#access';
import type { MemoriesService, Memory, MemoryRevision } from '#memory';
import { CommonplaceError } from '#kernel';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { GqlExecutionContext } from '@nestjs/graphql';
import DataLoader from 'dataloader';

/** What one request carries: who asks, and loaders that fetch what many fields ask for at once. */
export class RequestContext {
  private made: Loaders | undefined;

  constructor(
    readonly principal: Principal,
    private readonly load: (principal: Principal) => Loaders,
  ) {}

  /** When first asked for: few requests need them, and they were a sixth of what an idle subscriber takes. */
  get loaders(): Loaders {
    return (this.made ??= this.load(this.principal));
  }
}

export interface Loaders {
  principal: DataLoader<string, PrincipalInfo | null>;
  keys: DataLoader<string, ApiKeyEntity[]>;
  memory: DataLoader<string, Memory | null>;
  sources: DataLoader<string, Memory[]>;
  history: DataLoader<string, MemoryRevision[]>;
  memoryCount: DataLoader<string, number>;
}

/** Nothing is cached beyond one batch: a subscription lives long, and the policy may change under it. */
const BATCH_ONLY = { cache: false, maxBatchSize: 1_000 };

/** Sources and revisions of one request, or of a second of a subscription: aliases must not ask for the same again and again. */
const MAX_RELATED_PER_SECOND = 1_000;

class Budget {
  private spent = 0;
  private since = Date.now();

  constructor(private readonly perSecond: number) {}

  spend(lists: ReadonlyMap<string, readonly unknown[]>): void {
    if (Date.now() - this.since > 1_000) {
      this.since = Date.now();
      this.spent = 0;
    }
    for (const list of lists.values()) this.spent += list.length;
    if (this.spent > this.perSecond) {
      throw new CommonplaceError(
        'QUOTA_EXCEEDED',
        `The answer would hold more than ${this.perSecond} sources and revisions; ask for fewer at once.`,
      );
    }
  }
}

export class ContextFactory {
  constructor(
    private readonly directory: DirectoryService,
    private readonly memories: MemoriesService,
  ) {}

  create(principal: Principal): RequestContext {
    return new RequestContext(principal, this.load);
  }

  private readonly load = (principal: Principal): Loaders => {
    const { directory, memories } = this;
    const related = new Budget(MAX_RELATED_PER_SECOND);
    return {
      principal: new DataLoader(async (ids) => {
        const found = await directory.principals(principal, ids);
        return ids.map((id) => found.get(id) ?? null);
      }, BATCH_ONLY),
      keys: new DataLoader(async (ids) => {
        const found = await directory.keysOf(principal, ids);
        return ids.map((id) => found.get(id) ?? []);
      }, BATCH_ONLY),
      memory: new DataLoader(async (ids) => {
        const found = await memories.byIds(principal, ids);
        return ids.map((id) => found.get(id) ?? null);
      }, BATCH_ONLY),
      sources: new DataLoader(async (ids) => {
        const found = await memories.sources(principal, ids);
        related.spend(found);
        return ids.map((id) => found.get(id) ?? []);
      }, BATCH_ONLY),
      history: new DataLoader(async (ids) => {
        const found = await memories.histories(principal, ids);
        related.spend(found);
        return ids.map((id) => found.get(id) ?? []);
      }, BATCH_ONLY),
      memoryCount: new DataLoader(async (poolIds) => {
        const counts = await memories.countByPool(principal);
        return poolIds.map((id) => counts.get(id) ?? 0);
      }, BATCH_ONLY),
    };
  };
}

/** The principal of the request. There is always one: a request without is refused before it is parsed. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = GqlExecutionContext.create(context).getContext<Partial<RequestContext>>();
  if (!principal)
    throw new CommonplaceError('UNAUTHENTICATED', 'Send the header Authorization: Bearer <key or token>.');
  return principal;
});
