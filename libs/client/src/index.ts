export { CommonplaceClient, type ClientOptions } from './client.js';
export { CommonplaceFailure } from './failure.js';
export type { FeedEvent, FeedOptions } from './feed.js';
export type * from './generated.js';
export { aiSdkTools, openAiTools, type AiSdkTool, type OpenAiTool, type OpenAiToolMessage } from './model-tools.js';
export type { RequestOptions } from './request.js';
