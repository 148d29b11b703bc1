import type { CommonplaceClient } from './client.js';
import { CommonplaceFailure } from './failure.js';

/** A tool as the AI SDK takes it; `inputSchema` is what its jsonSchema() makes, of a type that is the SDK's own. */
export interface AiSdkTool {
  description: string;
  inputSchema: never;
  execute: (given: unknown, options?: { abortSignal?: AbortSignal }) => Promise<string>;
}

/** By which the AI SDK knows a schema, whichever copy of it has made it. */
const AI_SDK_SCHEMA = Symbol.for('vercel.ai.schema');

/** For the Vercel AI SDK: `generateText({ model, prompt, tools: await aiSdkTools(client) })`. */
export async function aiSdkTools(client: CommonplaceClient): Promise<Record<string, AiSdkTool>> {
  type Definition = { name: string; description: string; input_schema: Record<string, unknown> };
  const definitions = (await client.toolDefinitions('ANTHROPIC')) as unknown as Definition[];
  const entries = definitions.map(({ name, description, input_schema }) => {
    const inputSchema = { [AI_SDK_SCHEMA]: true, jsonSchema: input_schema, validate: undefined } as never;
    const execute: AiSdkTool['execute'] = async (given, options) => {
      const { content, isError } = await client.callTool(name, asObject(given), { signal: options?.abortSignal });
      // The SDK tells the model of what is thrown.
      if (isError) throw new Error(content);
      return content;
    };
    return [name, { description, inputSchema, execute }] as const;
  });
  return Object.fromEntries(entries);
}

export interface OpenAiToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

export interface OpenAiTool {
  type: 'function';
  function: { name: string; description: string; strict: boolean; parameters: Record<string, unknown> };
}

export interface OpenAiToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string;
}

/** For whatever speaks OpenAI's chat completions: `tools` go into the request, and `answer` makes the messages for the calls. */
export async function openAiTools(client: CommonplaceClient): Promise<{
  tools: OpenAiTool[];
  answer: (calls: readonly { id: string }[] | null | undefined) => Promise<OpenAiToolMessage[]>;
}> {
  const tools = (await client.toolDefinitions('OPENAI')) as unknown as OpenAiTool[];
  const answerOne = async (call: OpenAiToolCall): Promise<OpenAiToolMessage> => ({
    role: 'tool',
    tool_call_id: call.id,
    content: await contentFor(client, call),
  });
  // One after another: a model that memorizes and remembers in one breath means them in this order.
  const answer = async (calls: readonly { id: string }[] | null | undefined) => {
    const messages: OpenAiToolMessage[] = [];
    for (const call of calls ?? []) messages.push(await answerOne(call as OpenAiToolCall));
    return messages;
  };
  return { tools, answer };
}

async function contentFor(client: CommonplaceClient, call: OpenAiToolCall): Promise<string> {
  if (call.type !== 'function') return 'There are function tools alone.';
  const { name, arguments: given } = call.function;
  try {
    return (await client.callTool(name, asObject(JSON.parse(given || '{}')))).content;
  } catch (error) {
    if (error instanceof SyntaxError) return 'The arguments were no JSON, and nothing was done.';
    // What no tool can be given at all is refused before the tool, in words that a model can use.
    if (error instanceof CommonplaceFailure && error.code === 'BAD_INPUT') return `${error.message} Nothing was done.`;
    throw error;
  }
}

/** What is no object is refused by the broker, in the words for a model. */
function asObject(given: unknown): Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? { ...given } : { arguments: given };
}
