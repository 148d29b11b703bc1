import { createSourceEventStream, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { FeedSource } from './feed-source.js';

/** Who subscribes to what, by the resolver of the operation's field; or why not. */
export async function sourceOf(
  args: ExecutionArgs,
): Promise<FeedSource<unknown> | Required<Pick<ExecutionResult, 'errors'>>> {
  const source = await createSourceEventStream(args);
  if (source instanceof FeedSource) return source;
  if ('errors' in source && source.errors) return { errors: source.errors };
  throw new Error('The schema has a subscription that the streams do not know.');
}
