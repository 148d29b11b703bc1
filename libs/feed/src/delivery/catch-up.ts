import { CommonplaceError } from '#kernel';
import { decodeCursor } from '../cursor.js';
import { notice } from '../log-page.js';
import { covers } from '../position.js';
import type { Member } from './member.js';
import { tell } from './subscriber.js';

const RETRY_MS = 500;

/** Reads the log for one member alone, up to where its audience stands, and lets it go live there. */
export class CatchUp {
  private readonly running = new Set<Member>();

  /** @param onFailure ends the member, or mends what failed, and says whether it can be tried again at once */
  constructor(private readonly onFailure: (member: Member, error: unknown) => Promise<boolean>) {}

  async run(member: Member): Promise<void> {
    if (this.running.has(member)) return;
    this.running.add(member);
    for (let failures = 0; !member.left && !member.live;) {
      try {
        await member.roomy();
        if (!member.left) await approach(member);
        failures = 0;
      } catch (error) {
        const atOnce = await this.onFailure(member, error);
        // A database that is gone is given a pause.
        if (!atOnce && failures++ > 0 && !member.left)
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    this.running.delete(member);
  }
}

/** Where the member has not gone live after this, much happened meanwhile, and it is done again from where it came to. */
async function approach(member: Member): Promise<void> {
  const { audience, subscriber } = member;
  const stays = () => !member.left && member.audience === audience;
  const { position, changed } = audience.rebase(decodeCursor(member.cursor, audience.position.epoch, 'input.after'));
  if (changed || member.owesScope) {
    const event = notice('SCOPE_CHANGED', position, audience.policyVersion);
    if (!(await member.tell([await tell(subscriber.shape, event, subscriber.principal)], stays))) return;
    member.owesScope = false;
  }
  await audience.reach(position);
  const target = await audience.enlist(member);
  if (!stays()) return;
  for (let at = position; !covers(at.seqs, target);) {
    const page = await audience.read(at, target);
    const tellings = await audience.tellingsFor(subscriber, page);
    // Not all of it, or too late: what is left is read again, as it is then.
    if (!(await member.tell(tellings, stays))) return;
    await member.roomy();
    if (!stays()) return;
    if (page.looked === 0) throw new CommonplaceError('INTERNAL', 'The log ends before its pools say that it does.');
    at = page.position;
  }
  member.goLive();
}
