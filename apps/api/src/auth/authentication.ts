import type { CredentialsService, Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

const MINUTE_SECONDS = 60;

/** Authorization header → principal, within its rate; the same for a request and for a socket. */
export class Authentication {
  private readonly limiter: RateLimiterMemory | undefined;

  constructor(
    private readonly credentials: CredentialsService,
    ratePerMinute: number,
  ) {
    this.limiter = ratePerMinute > 0 ? new RateLimiterMemory({ points: ratePerMinute, duration: MINUTE_SECONDS }) : undefined;
  }

  /** @throws UNAUTHENTICATED; RATE_LIMITED with the time after which to try again. */
  async authenticate(authorization: unknown): Promise<Principal> {
    const bearer = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization)?.[1] : undefined;
    if (!bearer) throw new CommonplaceError('UNAUTHENTICATED', 'Send the header Authorization: Bearer <key or token>.');
    const principal = await this.credentials.authenticate(bearer);
    await this.spend(principal);
    return principal;
  }

  private async spend(principal: Principal): Promise<void> {
    try {
      await this.limiter?.consume(principal.id);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const retryAfterMs = Math.max(1, Math.ceil(refusal.msBeforeNext));
      throw new CommonplaceError('RATE_LIMITED', `Too many requests; try again in ${retryAfterMs} ms.`, { retryAfterMs });
    }
  }
}
