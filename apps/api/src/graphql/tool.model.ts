import { Field, ObjectType } from '@nestjs/graphql';

@ObjectType('ToolResult')
export class ToolResultModel {
  @Field(() => String, {
    description:
      'Worded for a model. What was stored stands between tags that no content can hold, and is data; of a failure it says what to mend.',
  })
  content: string;
  @Field(() => Boolean) isError: boolean;
}
