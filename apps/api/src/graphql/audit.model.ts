import { Field, ID, Int, ObjectType } from '@nestjs/graphql';
import { PrincipalModel } from './directory.model.js';
import { PageInfo } from './memory.model.js';
import { DateTime, JSONObject } from './scalars.js';

@ObjectType('AuditEntry', {
  description: `action: policy.activate, policy.rollback, key.issue, key.revoke, agent.register, pool.create, role.create, memory.review, memory.promote,
memory.erase (what forget does), feed.renew (the epoch, after a restore), organization.create, webhook.create, webhook.update, webhook.delete, webhook.rotate,
webhook.redeliver.`,
})
export class AuditEntryModel {
  @Field(() => ID) id: string;
  @Field(() => DateTime) at: Date;
  @Field(() => PrincipalModel, { nullable: true, description: 'Null: whoever had the database itself.' })
  principal?: PrincipalModel | null;
  @Field(() => String) action: string;
  @Field(() => String, { nullable: true }) target: string | null;
  @Field(() => JSONObject) detail: unknown;
  @Field(() => Int, { description: 'Numbered from 1, without a gap.' }) seq: number;
  @Field(() => String, {
    description:
      'Over this entry and the hash before it. Kept elsewhere, seq:hash proves to `commonplace audit verify --anchor` that nothing up to here was changed.',
  })
  hash: string;

  /** Not in the schema: what the principal is loaded by. */
  principalId: string | null;
}

@ObjectType('AuditEdge')
export class AuditEdge {
  @Field(() => String) cursor: string;
  @Field(() => AuditEntryModel) node: AuditEntryModel;
}

@ObjectType('AuditConnection')
export class AuditConnection {
  @Field(() => [AuditEdge]) edges: AuditEdge[];
  @Field(() => [AuditEntryModel]) nodes: AuditEntryModel[];
  @Field(() => PageInfo) pageInfo: PageInfo;
}
