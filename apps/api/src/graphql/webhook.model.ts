import type { PAUSE_REASONS } from '#feed';
import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { PrincipalModel } from './directory.model.js';
import { MemoryEventKind, MemoryType, WebhookPauseReason, WebhookState } from './enums.js';
import { DateTime } from './scalars.js';

@ObjectType('Webhook', {
  description: 'Where events of the feed are sent. Its secret is shown when it is made, and never again.',
})
export class WebhookModel {
  @Field(() => ID) id: string;
  @Field(() => PrincipalModel, {
    nullable: true,
    description: 'It is sent what this principal may read, under the policy of the moment.',
  })
  principal?: PrincipalModel | null;
  @Field(() => String) url: string;
  @Field(() => [String], { nullable: true, description: 'Null: all that the principal may read.' }) pools:
    string[] | null;
  @Field(() => [MemoryType], { nullable: true }) types: (keyof typeof MemoryType)[] | null;
  @Field(() => String, { nullable: true }) entityId: string | null;
  @Field(() => WebhookState) state: keyof typeof WebhookState;
  @Field(() => WebhookPauseReason, { nullable: true, description: 'Why it is PAUSED.' }) reason:
    (typeof PAUSE_REASONS)[number] | null;
  @Field(() => Int, { description: 'Failed attempts of the event that waits.' }) failures: number;
  @Field(() => String, { nullable: true, description: 'In our words: nothing of what the receiver wrote is kept.' })
  lastError: string | null;
  @Field(() => DateTime, { nullable: true, description: 'Of the event that waits, where it has failed.' })
  nextAttemptAt: Date | null;
  @Field(() => DateTime, {
    nullable: true,
    description: 'Until then what is sent is signed with the secret before, too.',
  })
  previousSecretUntil: Date | null;
  @Field(() => DateTime) createdAt: Date;

  /** Not in the schema: what the principal is loaded by. */
  principalId: string;
}

@ObjectType('IssuedWebhook', {
  description: 'secret is shown once: whsec_…, as the libraries of Standard Webhooks take it.',
})
export class IssuedWebhookModel {
  @Field(() => WebhookModel) webhook: WebhookModel;
  @Field(() => String) secret: string;
}

@ObjectType('WebhookDeadLetter', { description: 'An event that was given up. It holds no content.' })
export class WebhookDeadLetterModel {
  @Field(() => ID, { description: 'The webhook-id that it was sent under.' }) eventId: string;
  @Field(() => MemoryEventKind) kind: keyof typeof MemoryEventKind;
  @Field(() => String) poolKey: string;
  @Field(() => ID) memoryId: string;
  @Field(() => Int) attempts: number;
  @Field(() => String, { nullable: true }) lastError: string | null;
  @Field(() => DateTime) diedAt: Date;
  @Field(() => DateTime, { nullable: true, description: 'When it was asked for again, and until it is sent.' })
  redeliverAt: Date | null;
}

@InputType()
export class CreateWebhookInput {
  @Field(() => String, { description: 'https, at a public address; at most 2,000 characters.' }) url: string;
  @Field(() => ID, { description: 'An agent or an operator: whose eyes it looks through.' }) principalId: string;
  @Field(() => [String], { nullable: true, description: 'At most 100. Default: all that the principal may read.' })
  pools?: string[] | null;
  @Field(() => [MemoryType], { nullable: true }) types?: (keyof typeof MemoryType)[] | null;
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true, description: 'A cursor of the feed. Default: from now on.' }) after?:
    string | null;
}

@InputType()
export class UpdateWebhookInput {
  @Field(() => ID) id: string;
  @Field(() => String, { nullable: true }) url?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'False resumes it, whatever paused it.' }) paused?:
    boolean | null;
}
