import type { LlmConfig } from '#platform';
import { Attempts } from './attempts.js';
import type { ChatModel } from './chat-model.js';
import { OpenAiChat } from './openai-chat.js';
import { SteadyChat } from './steady-chat.js';

/** The model that is configured, made dependable. */
export const createChatModel = (config: LlmConfig | undefined): ChatModel | undefined =>
  config && new SteadyChat(new OpenAiChat(config), new Attempts(config.timeoutMs));
