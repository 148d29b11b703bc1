import type { AccessService } from '#access';
import { newId } from '#kernel';
import { Rounds } from '#platform';
import type { FeedService } from '../feed.service.js';
import { Deliverer } from './deliverer.js';
import { lease } from './delivery.repository.js';
import type { Destinations } from './destination.js';
import { WEBHOOK_TIMING, type Leased, type WebhookTiming } from './webhook.js';

/** At once, in one broker: of these each may wait for its receiver, and none holds another up. */
const LANES = 8;
/** Many writes are one look. */
const GAP_MS = 50;
const CUT_OFF_AFTER_MS = 3_000;

export interface WebhookParts {
  access: AccessService;
  feed: FeedService;
  destinations: Destinations;
  onError: (error: unknown) => void;
}

/**
 * Sends what webhooks wait for. A lease in the database lets one broker at a time serve a webhook; one that was killed at it
 * is followed by another when its lease is over.
 */
export class WebhookWorker {
  private readonly access: AccessService;
  private readonly onError: (error: unknown) => void;
  private readonly deliverer: Deliverer;
  private readonly timing: WebhookTiming;
  private readonly lanes = new Set<Promise<void>>();
  private readonly rounds: Rounds;
  private readonly stopping = { soon: new AbortController(), now: new AbortController() };

  constructor({ access, feed, destinations, onError }: WebhookParts, timing: Partial<WebhookTiming> = {}) {
    this.access = access;
    this.onError = onError;
    this.timing = { ...WEBHOOK_TIMING, ...timing };
    this.rounds = new Rounds(() => this.look(), { pauseMs: () => this.timing.pollMs, onError });
    this.deliverer = new Deliverer(access, feed, destinations, this.timing, {
      soon: this.stopping.soon.signal,
      now: this.stopping.now.signal,
    });
  }

  start(): void {
    this.rounds.within(0);
  }

  /** Something may have been written here or elsewhere. */
  wake(): void {
    this.rounds.within(GAP_MS);
  }

  /** What is under way has a moment to end; then it is cut off, and will be sent again. */
  async stop(): Promise<void> {
    this.stopping.soon.abort();
    const looked = this.rounds.stop();
    const cutOff = setTimeout(() => this.stopping.now.abort(), CUT_OFF_AFTER_MS);
    await looked;
    await Promise.all(this.lanes);
    clearTimeout(cutOff);
  }

  /** Once at each webhook that has something to do. */
  private async look(): Promise<void> {
    const seen: string[] = [];
    while (!this.stopping.soon.signal.aborted) {
      if (this.lanes.size >= LANES) await Promise.race(this.lanes);
      const leased = await this.access.system('lease a webhook', (unit) =>
        lease(unit, this.access.orgId, { leaseId: newId(), leaseMs: this.timing.leaseMs, except: seen }),
      );
      if (!leased) return;
      seen.push(leased.id);
      const lane = this.visit(leased).finally(() => this.lanes.delete(lane));
      this.lanes.add(lane);
    }
  }

  private async visit(leased: Leased): Promise<void> {
    try {
      if (await this.deliverer.visit(leased)) this.wake();
    } catch (error) {
      this.onError(error);
    }
  }
}
