import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { badInput } from '#kernel';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX_LENGTH = 12;
const SECRET_BYTES = 32;
const SECRET_LENGTH = 43; // 256 bits in base 62
const CHECKSUM_LENGTH = 6; // 32 bits in base 62
const ISSUED = new RegExp(
  `^(cpl_[0-9A-Za-z]{${PREFIX_LENGTH}})_[0-9A-Za-z]{${SECRET_LENGTH}}([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

export interface MintedKey {
  /** Shown once, to whoever asked for it. */
  secret: string;
  prefix: string;
  hash: Buffer;
}

/** cpl_<prefix>_<256 random bits><checksum>: the prefix finds it, the checksum tells a mistyped key without asking the database. */
export function mintKey(): MintedKey {
  const prefix = `cpl_${base62(randomBytes(16), 22).slice(-PREFIX_LENGTH)}`;
  const body = `${prefix}_${base62(randomBytes(SECRET_BYTES), SECRET_LENGTH)}`;
  const secret = body + checksum(body);
  return { secret, prefix, hash: hashKey(secret) };
}

/** A key that an operator chose. Its prefix comes from its hash, so that none of it is stored as it is. */
export function adoptKey(secret: string): MintedKey {
  const prefix = keyPrefix(secret);
  if (!prefix)
    throw badInput(
      'COMMONPLACE_BOOTSTRAP_KEY',
      'looks like a key of ours with a letter changed: its checksum is wrong',
    );
  return { secret, prefix, hash: hashKey(secret) };
}

/** The prefix under which a presented secret is stored; null when it is one of ours and was mistyped. */
export function keyPrefix(secret: string): string | null {
  if (!secret.startsWith('cpl_')) return chosenPrefix(secret);
  const match = ISSUED.exec(secret);
  if (!match) return chosenPrefix(secret);
  return match[2] === checksum(secret.slice(0, -CHECKSUM_LENGTH)) ? (match[1] as string) : null;
}

/** SHA-256 suffices: what is hashed is random, not a password. */
export function hashKey(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

export function hashesMatch(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function chosenPrefix(secret: string): string {
  return `own_${createHash('sha256').update(`prefix:${secret}`, 'utf8').digest('hex').slice(0, PREFIX_LENGTH)}`;
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return base62(bytes, CHECKSUM_LENGTH);
}

function base62(bytes: Buffer, length: number): string {
  let number = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  while (text.length < length) {
    text = (ALPHABET[Number(number % 62n)] as string) + text;
    number /= 62n;
  }
  return text;
}
