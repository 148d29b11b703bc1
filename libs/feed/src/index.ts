export type { FeedEvent } from './event.js';
export type { FeedInput } from './feed-input.js';
export { FeedService, type FeedPage } from './feed.service.js';
export type { Shape, Sink, Subscriber, Subscription, Telling } from './delivery/subscriber.js';
export { TrimLog } from './retention/trim.service.js';
