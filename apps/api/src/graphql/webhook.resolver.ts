import type { Principal } from '#access';
import { WebhooksService } from '#feed';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';
import {
  CreateWebhookInput,
  IssuedWebhookModel,
  UpdateWebhookInput,
  WebhookDeadLetterModel,
  WebhookModel,
} from './webhook.model.js';

@Resolver(() => WebhookModel)
export class WebhookResolver {
  constructor(private readonly webhooks: WebhooksService) {}

  @Query(() => [WebhookModel], { name: 'webhooks', description: 'All of them, at most 100; oldest first.' })
  list(@Caller() caller: Principal): Promise<WebhookModel[]> {
    return this.webhooks.list(caller);
  }

  @Query(() => [WebhookDeadLetterModel], { description: 'Newest first; first is 1 to 100.' })
  webhookDeadLetters(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 20 }) first: number | null,
  ): Promise<WebhookDeadLetterModel[]> {
    return this.webhooks.deadLetters(caller, id, first ?? 20) as Promise<WebhookDeadLetterModel[]>;
  }

  @Mutation(() => IssuedWebhookModel)
  createWebhook(@Caller() caller: Principal, @Args('input') input: CreateWebhookInput): Promise<IssuedWebhookModel> {
    return this.webhooks.create(caller, input);
  }

  @Mutation(() => WebhookModel)
  updateWebhook(@Caller() caller: Principal, @Args('input') input: UpdateWebhookInput): Promise<WebhookModel> {
    return this.webhooks.update(caller, input);
  }

  @Mutation(() => ID, { description: 'With its dead letters. Answers the id.' })
  deleteWebhook(@Caller() caller: Principal, @Args('id', { type: () => ID }) id: string): Promise<string> {
    return this.webhooks.delete(caller, id);
  }

  @Mutation(() => IssuedWebhookModel, {
    description: 'A new secret; for 24 hours what is sent is signed with the one before, too.',
  })
  rotateWebhookSecret(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<IssuedWebhookModel> {
    return this.webhooks.rotateSecret(caller, id);
  }

  @Mutation(() => Int, {
    description:
      'Sends the oldest dead letters once more, as they may be read then: those that are hidden or gone by then are dropped. first is 1 to 100. Answers how many.',
  })
  redeliverWebhook(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 100 }) first: number | null,
  ): Promise<number> {
    return this.webhooks.redeliver(caller, id, first ?? 100);
  }

  @ResolveField(() => PrincipalModel, { nullable: true })
  principal(
    @Parent() { principalId }: WebhookModel,
    @Context() { loaders }: RequestContext,
  ): Promise<PrincipalModel | null> {
    return loaders.principal.load(principalId);
  }
}
