import { Attempts, type Manners } from '#models';
import type { LlmConfig } from '#platform';
import { CHAT, type ChatModel } from './chat-model.js';
import { OpenAiChat } from './openai-chat.js';
import { SteadyChat } from './steady-chat.js';

/** The same words may be answered well the next time, also by another server behind the same address. */
const MANNERS: Manners = { ...CHAT, firstPauseMs: 500, again: ['AWAY', 'LATE', 'WRONG'] };

/** The model that is configured, made dependable. */
export const createChatModel = (config: LlmConfig | undefined): ChatModel | undefined =>
  config && new SteadyChat(new OpenAiChat(config), new Attempts(MANNERS), config.timeoutMs);
