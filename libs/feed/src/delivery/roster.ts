import type { AccessService, Grants, ReadFilter } from '#access';
import { type CommonplaceError } from '#kernel';
import { encodeCursor, type Position } from '../cursor.js';
import { endOf } from '../endings.js';
import { stillReadable } from '../feed-input.js';
import { Audience, type Reading } from './audience.js';
import { Member } from './member.js';
import type { Subscriber } from './subscriber.js';

/** Who subscribes, with what it may read and where it begins. */
export interface Joining {
  subscriber: Subscriber<unknown>;
  grants: Grants;
  /** When its key or token ends. */
  until: Date | null;
  poolIds: readonly string[];
  /** Where the subscriber goes on. */
  from: Position;
  /** The end of the log at this moment, in the same pools. */
  head: Position;
}

/** Members of one audience that now see the same as each other, and something else than before. */
interface Move {
  from: Audience;
  key: string;
  grants: Grants;
  filter: ReadFilter;
  members: Member[];
}

/** All members, each in the audience of those who see alike. */
export class Roster {
  readonly audiences = new Map<string, Audience>();
  readonly members = new Set<Member>();
  /** The number that was seen last of every pool that somebody subscribes to. */
  readonly heads = new Map<string, number>();
  /** Of the grants that everybody was admitted with. */
  generation = 0;

  constructor(
    private readonly access: AccessService,
    private readonly reading: Reading,
    /** Of a member that is not live, and reads for itself. */
    private readonly onBehind: (member: Member) => void,
    /** Of an audience that has only come, and may have missed what was written since its head was read. */
    private readonly onNew: (audience: Audience) => void,
  ) {}

  /** The grants are of the generation that everybody was admitted with; or nobody is there yet. */
  add({ subscriber, grants, until, poolIds, from, head }: Joining): Member {
    this.generation = grants.generation;
    const filter = grants.readFilter.narrow(poolIds);
    const audience = this.audienceFor(keyOf(filter, subscriber), grants, filter, head);
    const member = new Member(subscriber, audience, encodeCursor(from), () => this.onBehind(member));
    member.until = until;
    this.members.add(member);
    audience.members.add(member);
    return member;
  }

  remove(member: Member, reason?: CommonplaceError): void {
    if (!this.members.delete(member)) return;
    this.quit(member);
    member.leave(reason);
    if (this.members.size === 0) {
      this.heads.clear();
      this.generation = 0;
    }
  }

  /**
   * What everybody may see by now. Whoever sees something else than before goes on in another audience. No audience reads
   * under the new grants before all have found their place: somebody who lost a pool may still be in it.
   * @throws GrantsChanged, and whatever a database throws; some have moved then, and it is done again from the start
   */
  async admitAll(): Promise<void> {
    const members = [...this.members];
    const admissions = await this.access.admit(members.map(({ subscriber }) => subscriber.principal));
    const moves = new Map<string, Move>();
    const fresh = new Map<Member, Grants>();
    for (const [place, member] of members.entries()) {
      const admission = admissions[place] as (typeof admissions)[number];
      if (member.left) continue;
      if ('ended' in admission) {
        this.remove(member, endOf(admission.ended));
        continue;
      }
      member.until = admission.until;
      fresh.set(member, admission.grants);
      this.place(member, admission.grants, moves);
    }
    for (const move of moves.values()) await this.move(move);
    for (const audience of this.audiences.values()) {
      const [any] = audience.members;
      const grants = any && fresh.get(any);
      if (grants) audience.renew(grants);
    }
    for (const grants of fresh.values()) this.generation = Math.max(this.generation, grants.generation);
  }

  private audienceFor(key: string, grants: Grants, filter: ReadFilter, head: Position): Audience {
    const known = this.audiences.get(key);
    if (known) return known;
    const audience = new Audience(this.reading, key, grants, filter, head);
    this.audiences.set(key, audience);
    // A number that is known moves on with the next look alone: others may stand behind this head, and are to be found.
    for (const [poolId, seq] of head.seqs) if (!this.heads.has(poolId)) this.heads.set(poolId, seq);
    this.onNew(audience);
    return audience;
  }

  private place(member: Member, grants: Grants, moves: Map<string, Move>): void {
    const { audience, subscriber } = member;
    try {
      const filter = grants.readFilter.narrow(stillReadable(grants, subscriber.input));
      const key = keyOf(filter, subscriber);
      if (key === audience.key) return;
      const way = `${audience.key} ${key}`;
      const move = moves.get(way) ?? { from: audience, key, grants, filter, members: [] };
      moves.set(way, move);
      move.members.push(member);
    } catch (error) {
      this.remove(member, error as CommonplaceError);
    }
  }

  /** Live members go on where their audience stands, all at once; others find their place by themselves. */
  private async move({ from, key, grants, filter, members }: Move): Promise<void> {
    const { position, before } = await from.headOn(grants, filter.poolIds);
    const staying = members.filter((member) => !member.left && member.audience === from);
    if (staying.length === 0) return;
    const isNew = !this.audiences.has(key);
    const to = this.audienceFor(key, grants, filter, position);
    for (const member of staying) {
      const goesAlong = isNew && member.isUpToDate && from.position === before;
      member.fallBehind();
      this.quit(member);
      member.audience = to;
      to.members.add(member);
      if (goesAlong) {
        member.enlist();
        member.goLive();
      } else {
        member.owesScope = true;
        this.onBehind(member);
      }
    }
    if (isNew) await to.announceScope();
  }

  /** Out of its audience, which ends with its last member. */
  private quit(member: Member): void {
    const { audience } = member;
    audience.members.delete(member);
    if (audience.members.size === 0 && this.audiences.get(audience.key) === audience)
      this.audiences.delete(audience.key);
  }
}

/** Of those who see alike. Whose words are its own reads alone: what it selects may be much, and costs nobody else. */
function keyOf(filter: ReadFilter, { shape, principal }: Subscriber<unknown>): string {
  return `${filter.sameness()} ${shape.personal ? principal.id : ''}`;
}
