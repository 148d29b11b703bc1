import { badInput, CommonplaceError } from '#kernel';
import { crc32 } from 'node:zlib';

/** A place in the event log: how far each pool was read, and when, in the database's time. */
export interface Position {
  /** Changes when a backup is restored: places in the lost future mean nothing afterwards. */
  epoch: string;
  takenAt: Date;
  seqs: ReadonlyMap<string, number>;
}

const VERSION = 1;
const HEAD_BYTES = 1 + 16 + 8;
const ENTRY_BYTES = 16 + 8;
const CHECK_BYTES = 4;
/** A cursor of 1,000 pools has 32 KB, half of what a WebSocket frame may have. */
export const MAX_POOLS = 1_000;
const MAX_LENGTH = Math.ceil(((HEAD_BYTES + MAX_POOLS * ENTRY_BYTES + CHECK_BYTES) * 4) / 3);

/** Version, epoch, time, (pool, seq)…, CRC-32; base64url. Opaque to clients, and worth nothing to who may not read the pools. */
export function encodeCursor(position: Position): string {
  return new CursorWriter(position).cursor();
}

/** The cursors behind one event after another: only the place in one pool is another each time. */
export class CursorWriter {
  private readonly bytes: Buffer;
  private readonly places = new Map<string, number>();

  constructor({ epoch, takenAt, seqs }: Position) {
    this.bytes = Buffer.alloc(HEAD_BYTES + seqs.size * ENTRY_BYTES + CHECK_BYTES);
    this.bytes.writeUInt8(VERSION, 0);
    writeId(this.bytes, epoch, 1);
    this.bytes.writeBigUInt64BE(BigInt(takenAt.getTime()), 17);
    let at = HEAD_BYTES;
    for (const [poolId, seq] of seqs) {
      writeId(this.bytes, poolId, at);
      this.places.set(poolId, at + 16);
      this.move(poolId, seq);
      at += ENTRY_BYTES;
    }
  }

  /** Of a pool that was in the position. */
  move(poolId: string, seq: number): void {
    this.bytes.writeBigUInt64BE(BigInt(seq), this.places.get(poolId));
  }

  cursor(): string {
    const end = this.bytes.length - CHECK_BYTES;
    this.bytes.writeUInt32BE(crc32(this.bytes.subarray(0, end)), end);
    return this.bytes.toString('base64url');
  }
}

/** @throws BAD_INPUT for what no broker made; CURSOR_EXPIRED for one of another epoch. */
export function decodeCursor(cursor: string, epoch: string, field: string): Position {
  const bytes = cursor.length <= MAX_LENGTH ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0);
  const entries = (bytes.length - HEAD_BYTES - CHECK_BYTES) / ENTRY_BYTES;
  const end = bytes.length - CHECK_BYTES;
  const sound =
    Number.isInteger(entries) &&
    entries >= 0 &&
    bytes[0] === VERSION &&
    bytes.toString('base64url') === cursor &&
    bytes.readUInt32BE(end) === crc32(bytes.subarray(0, end));
  if (!sound) throw badInput(field, 'is not a cursor of this feed');
  if (readId(bytes, 1) !== epoch) throw expired('it was taken before a backup was restored');
  const seqs = new Map<string, number>();
  for (let at = HEAD_BYTES; at < end; at += ENTRY_BYTES)
    seqs.set(readId(bytes, at), Number(bytes.readBigUInt64BE(at + 16)));
  return { epoch, takenAt: new Date(Number(bytes.readBigUInt64BE(17))), seqs };
}

export function expired(why: string): CommonplaceError {
  return new CommonplaceError(
    'CURSOR_EXPIRED',
    `The cursor cannot be gone on from: ${why}. List the memories again, and subscribe from a new feedCursor.`,
  );
}

function writeId(bytes: Buffer, id: string, at: number): void {
  bytes.write(id.replaceAll('-', ''), at, 'hex');
}

function readId(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
