import { AuditService, type Principal } from '#access';
import { Args, Context, Int, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { AuditConnection, AuditEntryModel } from './audit.model.js';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';

@Resolver(() => AuditEntryModel)
export class AuditResolver {
  constructor(private readonly audit: AuditService) {}

  @Query(() => AuditConnection, { description: 'Who changed what, newest first; first is 1 to 100.' })
  async auditLog(
    @Caller() caller: Principal,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 50 }) first: number | null,
    @Args('after', { type: () => String, nullable: true }) after: string | null,
  ): Promise<AuditConnection> {
    const { entries, ...page } = await this.audit.entries(caller, { first: first ?? 50, after });
    const edges = entries.map((node) => ({ node, cursor: this.audit.cursorOf(node) }));
    const ends = { startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null };
    return { edges, nodes: entries, pageInfo: { ...page, ...ends } };
  }

  @ResolveField(() => PrincipalModel, { nullable: true })
  principal(
    @Parent() { principalId }: AuditEntryModel,
    @Context() { loaders }: RequestContext,
  ): Promise<PrincipalModel | null> | null {
    return principalId ? loaders.principal.load(principalId) : null;
  }
}
