export {
  ChatError,
  type ChatAnswer,
  type ChatFailure,
  type ChatMessage,
  type ChatModel,
  type Form,
} from './chat-model.js';
export { createChatModel } from './create-chat-model.js';
