export type { FeedEvent } from './event.js';
export { FeedService, type FeedInput } from './feed.service.js';
export { TrimLog } from './retention/trim.service.js';
export { Tailer } from './tailer.js';
