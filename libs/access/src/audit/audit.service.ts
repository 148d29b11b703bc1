import { badInput, type JsonObject } from '#kernel';
import type { AccessService } from '../gate/access.service.js';
import type { Principal } from '../principal.js';
import { listNewest } from './audit.repository.js';

const MOST = 100;

export interface AuditEntry {
  id: string;
  seq: number;
  at: Date;
  principalId: string | null;
  action: string;
  target: string | null;
  detail: JsonObject;
  /** SHA-256 in hex, over this entry and the hash before it. */
  hash: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

/** Who changed what. Written in the unit of each change, and read by those who ADMINISTER. */
export class AuditService {
  constructor(private readonly access: AccessService) {}

  /** Newest first. @throws FORBIDDEN; BAD_INPUT naming the field. */
  async entries(caller: Principal, input: { first: number; after?: string | null }): Promise<AuditPage> {
    const { first } = input;
    if (!Number.isInteger(first) || first < 1 || first > MOST)
      throw badInput('first', `must be a whole number from 1 to ${MOST}`);
    const before = parseCursor(input.after);
    const found = await this.access.administer(caller, (unit) =>
      listNewest(unit, this.access.orgId, { before, atMost: first + 1 }),
    );
    const entries = found.slice(0, first).map(({ at, detail, hash, ...rest }) => ({
      ...rest,
      at: new Date(at),
      detail: JSON.parse(detail) as JsonObject,
      hash: hash.toString('hex'),
    }));
    return { entries, hasNextPage: found.length > first, hasPreviousPage: before !== null };
  }

  cursorOf({ seq }: Pick<AuditEntry, 'seq'>): string {
    return Buffer.from(`a1:${seq}`).toString('base64url');
  }
}

/** @throws BAD_INPUT for what cursorOf did not make. */
function parseCursor(cursor: string | null | undefined): number | null {
  if (cursor === undefined || cursor === null) return null;
  const seq = /^a1:([1-9]\d{0,14})$/.exec(Buffer.from(cursor.slice(0, 50), 'base64url').toString())?.[1];
  if (seq === undefined || Buffer.from(`a1:${seq}`).toString('base64url') !== cursor)
    throw badInput('after', 'is not a cursor of this list');
  return Number(seq);
}
