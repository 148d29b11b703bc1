import { AccessService, type Principal } from '#access';
import { definitionsIn, ToolsService, type ToolDefinition, type ToolResult } from '#tools';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Caller } from './context.js';
import { ToolFormat } from './enums.js';
import { JSONObject } from './scalars.js';
import { ToolResultModel } from './tool.model.js';

@Resolver()
export class ToolResolver {
  constructor(
    private readonly tools: ToolsService,
    private readonly access: AccessService,
  ) {}

  @Query(() => [JSONObject], { description: 'The tools as a model is given them; the same for every caller.' })
  toolDefinitions(
    @Caller() caller: Principal,
    @Args('format', { type: () => ToolFormat, defaultValue: 'OPENAI' }) format: keyof typeof ToolFormat,
  ): Promise<ToolDefinition[]> {
    // Asked inside a unit of work: a revoked key is told nothing.
    return this.access.read(caller, () => Promise.resolve(definitionsIn(format)));
  }

  @Mutation(() => ToolResultModel, {
    description:
      'remember {query, user_id?, max_results?, pool?}; memorize {content, memory_type, user_id?, importance?, pool?}; types and importance in lower case. The others: toolDefinitions. Wrong arguments are a result with isError.',
  })
  callTool(
    @Caller() caller: Principal,
    @Args('name', { type: () => String }) name: string,
    @Args('arguments', { type: () => JSONObject }) given: unknown,
  ): Promise<ToolResult> {
    return this.tools.call(caller, name, given);
  }
}
