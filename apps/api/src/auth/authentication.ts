import type { CredentialsService, Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

const MINUTE_SECONDS = 60;
const STRANGERS_PER_MINUTE = 300;

/** Authorization header → principal, within its rate; the same for a request and for a socket. */
export class Authentication {
  private readonly limiter: RateLimiterMemory | undefined;
  /** By address, of secrets not seen before: each asks the database, and who guesses sends nothing else. */
  private readonly strangers: RateLimiterMemory | undefined;

  constructor(
    private readonly credentials: CredentialsService,
    ratePerMinute: number,
  ) {
    if (ratePerMinute === 0) return;
    this.limiter = new RateLimiterMemory({ points: ratePerMinute, duration: MINUTE_SECONDS });
    this.strangers = new RateLimiterMemory({ points: STRANGERS_PER_MINUTE, duration: MINUTE_SECONDS });
  }

  /** @throws UNAUTHENTICATED; RATE_LIMITED with the time after which to try again. */
  async authenticate(authorization: unknown, address: string): Promise<Principal> {
    const bearer = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization)?.[1] : undefined;
    if (!bearer) throw new CommonplaceError('UNAUTHENTICATED', 'Send the header Authorization: Bearer <key or token>.');
    const principal = await this.credentials.authenticate(bearer, () => consume(this.strangers, address));
    await this.spend(principal);
    return principal;
  }

  /** One request of the principal's rate. @throws RATE_LIMITED */
  spend(principal: Principal): Promise<void> {
    return consume(this.limiter, principal.id);
  }
}

async function consume(limiter: RateLimiterMemory | undefined, key: string): Promise<void> {
  try {
    await limiter?.consume(key);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    const retryAfterMs = Math.max(1, Math.ceil(refusal.msBeforeNext));
    throw new CommonplaceError('RATE_LIMITED', `Too many requests; try again in ${retryAfterMs} ms.`, { retryAfterMs });
  }
}
