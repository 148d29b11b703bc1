import { Field, InputType, Int } from '@nestjs/graphql';

@InputType()
export class ConsolidateInput {
  @Field(() => String) pool: string;
  @Field(() => Int, {
    nullable: true,
    defaultValue: 30,
    description:
      'Episodic memories older than this are summarised: since they happened, or else since they were written.',
  })
  olderThanDays?: number | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'Only report what would change.' })
  dryRun?: boolean | null;
}
