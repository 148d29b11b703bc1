import type { Principal } from '#access';
import type { FeedEvent } from '../event.js';
import { isWanted, type FeedInput } from '../feed-input.js';
import type { Page, PageEvent } from '../log-page.js';
import type { Member } from './member.js';
import { tell, type Shape, type Subscriber, type Telling } from './subscriber.js';

/** After so many events for others the subscriber is told how far it came. */
const SILENT_EVENTS = 256;

/** The tellings of one page, ready for every member. */
export interface Prepared {
  tellings: Telling<unknown>[];
  /** Beside each telling: for whom alone it is, or null. */
  onlyFor: (string | null)[] | null;
}

/** Subscribers of one audience that are told the same: what they are told is made once. */
export class Cohort {
  readonly members = new Set<Member>();
  lastTold = Date.now();
  private silent = 0;
  private readonly filter: Pick<FeedInput, 'types' | 'entityId'>;
  private readonly shape: Shape<unknown>;

  constructor(
    { shape, input }: Subscriber<unknown>,
    private readonly onEmpty: () => void,
  ) {
    this.shape = shape;
    this.filter = { types: input.types, entityId: input.entityId };
  }

  static keyOf({ shape, input, principal }: Subscriber<unknown>): string {
    return JSON.stringify([shape.key, input.types, input.entityId, shape.personal ? principal.id : null]);
  }

  add(member: Member): void {
    this.members.add(member);
    member.cohort = this;
  }

  remove(member: Member): void {
    if (!this.members.delete(member)) return;
    member.cohort = undefined;
    if (this.members.size === 0) this.onEmpty();
  }

  /** What the members have to hear of the page, or of the `checkpoint` where that is nothing for long. */
  async prepare(page: Page, checkpoint: () => FeedEvent): Promise<Prepared> {
    const [first] = this.members;
    if (!first) return { tellings: [], onlyFor: null };
    const any = first.subscriber.principal;
    const wanted = this.wanted(page.events);
    const tellings = await Promise.all(
      wanted.map(({ event, onlyFor }) => this.tell(event, (onlyFor && this.find(onlyFor)) || any)),
    );
    if (wanted.length === 0 && this.silent + page.looked >= SILENT_EVENTS)
      tellings.push(await this.tell(checkpoint(), any));
    const isPersonal = wanted.some(({ onlyFor }) => onlyFor !== null);
    return { tellings, onlyFor: isPersonal ? wanted.map(({ onlyFor }) => onlyFor) : null };
  }

  distribute({ tellings, onlyFor }: Prepared, looked: number): void {
    this.silent += looked;
    if (tellings.length === 0) return;
    this.silent = 0;
    this.lastTold = Date.now();
    for (const member of [...this.members]) member.push(onlyFor ? ownOf(member, tellings, onlyFor) : tellings);
  }

  /** A notice to all who are live. */
  async announce(event: FeedEvent): Promise<void> {
    this.lastTold = Date.now();
    const members = [...this.members];
    const [first] = members;
    if (!first) return;
    const telling = [await this.tell(event, first.subscriber.principal)];
    for (const member of members) if (member.cohort === this) member.push(telling);
  }

  private wanted(events: readonly PageEvent[]): PageEvent[] {
    return events.filter(
      ({ memory, onlyFor }) => isWanted(memory, this.filter) && (onlyFor === null || this.find(onlyFor)),
    );
  }

  private tell(event: FeedEvent, as: Principal): Promise<Telling<unknown>> {
    return tell(this.shape, event, as);
  }

  private find(principalId: string): Principal | undefined {
    for (const { subscriber } of this.members) if (subscriber.principal.id === principalId) return subscriber.principal;
    return undefined;
  }
}

function ownOf(
  { subscriber }: Member,
  tellings: readonly Telling<unknown>[],
  onlyFor: readonly (string | null)[],
): Telling<unknown>[] {
  return tellings.filter((_, place) => (onlyFor[place] ?? subscriber.principal.id) === subscriber.principal.id);
}
