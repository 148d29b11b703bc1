import { createHash } from 'node:crypto';
import type { AuditHead, StoredAuditEntry } from './audit.repository.js';

/** An entry that another was to follow: its number and its hash. Kept elsewhere, it proves later that nothing before it changed. */
export interface Anchor {
  seq: number;
  hash: Buffer;
}

/** What an entry's hash is over: the hash before it, and each field with its length in bytes, '-' for null. As sec.audit_hash() in the migrations. */
export function hashEntry(entry: StoredAuditEntry): Buffer {
  const { orgId, seq, id, at, principalId, action, target, detail } = entry;
  const fields = [orgId, String(seq), id, at, principalId, action, target, detail];
  const text = fields.map((field) => `${field === null ? '-' : `${Buffer.byteLength(field)}:${field}`},`).join('');
  return createHash('sha256').update(entry.previousHash).update(text).digest();
}

/** What the first entry follows: nobody can give one organisation's log to another. */
export const firstHash = (orgId: string): Buffer =>
  createHash('sha256')
    .update(Buffer.from(orgId.replaceAll('-', ''), 'hex'))
    .digest();

/** Walks a log from its first entry, in order, and says where it is broken; it holds one entry at a time. */
export class AuditChain {
  private last: Anchor;
  private unseen: readonly Anchor[];

  constructor(orgId: string, anchors: readonly Anchor[] = []) {
    this.last = { seq: 0, hash: firstHash(orgId) };
    this.unseen = anchors;
  }

  get end(): Anchor {
    return this.last;
  }

  /** @returns what is wrong, or null. */
  add(entry: StoredAuditEntry): string | null {
    const { seq, hash, previousHash } = entry;
    if (seq !== this.last.seq + 1) return `entry ${this.last.seq + 1} is missing: behind ${this.last.seq} comes ${seq}`;
    if (!previousHash.equals(this.last.hash)) return `entry ${seq} does not follow entry ${this.last.seq}`;
    if (!hash.equals(hashEntry(entry))) return `entry ${seq} was changed after it was written`;
    const anchored = this.unseen.filter((anchor) => anchor.seq === seq);
    if (anchored.some((anchor) => !anchor.hash.equals(hash)))
      return `entry ${seq} is another than the one that was anchored`;
    this.unseen = this.unseen.filter((anchor) => anchor.seq !== seq);
    this.last = { seq, hash };
    return null;
  }

  /** Of a log that was walked to its end. @returns what is wrong, or null. */
  finish(head: AuditHead | undefined): string | null {
    const { seq, hash } = this.last;
    const missing = this.unseen.map((anchor) => anchor.seq).sort((a, b) => a - b)[0];
    if (missing !== undefined) return `the log ends with entry ${seq}, before the anchored entry ${missing}`;
    if ((head?.seq ?? 0) !== seq) return `the log ends with entry ${seq}, and ${head?.seq ?? 0} were written`;
    if (head && !head.hash.equals(hash)) return `entry ${seq} is not the last one that was written`;
    return null;
  }
}
