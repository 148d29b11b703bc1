import type { Principal } from '#access';
import { CompleteService } from '#memory';
import { Args, Mutation, Resolver } from '@nestjs/graphql';
import { CompleteInputModel, CompletionModel } from './completion.model.js';
import { Caller } from './context.js';
import { Presenter } from './presenter.js';

@Resolver(() => CompletionModel)
export class CompletionResolver {
  constructor(
    private readonly completions: CompleteService,
    private readonly present: Presenter,
  ) {}

  @Mutation(() => CompletionModel, {
    description: `Does a task with the language model, which is given what you may recall. Where it does not answer, the best PROCEDURAL memories
do; where none fits, a plain sentence. A model that is down is no error.`,
  })
  async complete(@Caller() caller: Principal, @Args('input') input: CompleteInputModel): Promise<CompletionModel> {
    const { memories, recalled, remembered, ...rest } = await this.completions.complete(caller, input);
    return {
      ...rest,
      memories: await this.present.memories(memories),
      recalled: await this.present.memories(recalled),
      remembered: remembered && (await this.present.memorized(remembered)),
    };
  }
}
