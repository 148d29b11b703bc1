// One agent with the memory as its tools, against any server that speaks OpenAI's chat completions:
//   OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_API_KEY=none MODEL=qwen3 COMMONPLACE_KEY=cpl_… node agent.mjs "What do we know of the gateway?"
import { CommonplaceClient, openAiTools } from '@commonplace/client';
import OpenAI from 'openai';
import { pathToFileURL } from 'node:url';

/** A model that calls tools for ever is stopped. */
const MOST_TURNS = 12;

export const SYSTEM = `You work in a team that shares a memory. Call remember before you answer, and memorize what the others should know later.`;

/**
 * @param {{ memory: CommonplaceClient, task: string, system?: string, model?: string, onCall?: (name: string, given: string) => void }} options
 * @returns {Promise<string>} what the model says in the end
 */
export async function runAgent({ memory, task, system = SYSTEM, model = process.env.MODEL ?? 'gpt-5-mini', onCall }) {
  // Where the server is, and its key, the SDK reads from OPENAI_BASE_URL and OPENAI_API_KEY.
  const openai = new OpenAI();
  const { tools, answer } = await openAiTools(memory);
  /** @type {import('openai').OpenAI.ChatCompletionMessageParam[]} */
  const messages = [
    { role: 'system', content: system },
    { role: 'user', content: task },
  ];
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    const { choices } = await openai.chat.completions.create({ model, messages, tools });
    const message = choices[0]?.message;
    if (!message) throw new Error('the model did not answer');
    messages.push(message);
    if (!message.tool_calls?.length) return message.content ?? '';
    for (const call of message.tool_calls)
      if (call.type === 'function') onCall?.(call.function.name, call.function.arguments);
    messages.push(...(await answer(message.tool_calls)));
  }
  throw new Error(`the model still calls tools after ${MOST_TURNS} turns`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const memory = new CommonplaceClient({
    url: process.env.COMMONPLACE_URL ?? 'http://127.0.0.1:4000',
    key: process.env.COMMONPLACE_KEY ?? '',
  });
  const task = process.argv.slice(2).join(' ') || 'What do we know so far? Say it in a few sentences.';
  console.log(await runAgent({ memory, task, onCall: (name, given) => console.error(`→ ${name} ${given}`) }));
}
