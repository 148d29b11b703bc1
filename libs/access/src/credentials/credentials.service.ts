import { hash } from 'node:crypto';
import { CommonplaceError, derivedId } from '#kernel';
import type { JwtConfig } from '#platform';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { AccessService } from '../gate/access.service.js';
import type { Principal } from '../principal.js';
import { hashesMatch, hashKey, keyPrefix } from './api-key.js';
import { findKey, noteUse, upsertPrincipal } from './credentials.repository.js';

const MAX_CACHED = 10_000;
const MAX_TOKEN_LENGTH = 8_192;
const NOTE_USE_EVERY_MS = 60_000;
/** Asymmetric only: a shared secret, or none, would let whoever knows the public key sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const ROLE_FORMAT = /^[a-z0-9][a-z0-9._:-]{0,63}$/;

/** Bearer secret → principal: an API key, or a token of the configured identity provider. */
export class CredentialsService {
  /** By the hash of the secret. Nothing goes stale in silence: the fence asks at every unit of work whether a key still holds. */
  private readonly known = new Map<string, Principal>();
  private readonly notedAt = new Map<string, number>();
  private readonly jwks: JWTVerifyGetKey | undefined;

  constructor(
    private readonly access: AccessService,
    private readonly jwt: JwtConfig | undefined,
  ) {
    this.jwks = jwt && createRemoteJWKSet(new URL(jwt.jwksUrl), { timeoutDuration: 5_000 });
    access.onKeyEnded((keyId) => this.forget(keyId));
  }

  /**
   * @param beforeLookup called for a secret that was not accepted lately: what it throws is thrown, and nothing is looked up
   * @throws UNAUTHENTICATED, in the same words whatever was wrong with a key.
   */
  async authenticate(bearer: string, beforeLookup?: () => Promise<void>): Promise<Principal> {
    if (bearer.length > MAX_TOKEN_LENGTH) {
      await beforeLookup?.();
      throw refused();
    }
    const cacheKey = cacheKeyOf(bearer);
    const cached = this.known.get(cacheKey);
    if (cached && !hasEnded(cached)) {
      this.noteUse(cached);
      return cached;
    }
    if (!cached) await beforeLookup?.();
    const principal =
      looksLikeJwt(bearer) && this.jwks ? await this.fromToken(bearer, this.jwks) : await this.fromKey(bearer);
    if (this.known.size >= MAX_CACHED) this.known.clear();
    this.known.set(cacheKey, principal);
    this.noteUse(principal);
    return principal;
  }

  /** From then on the key is refused before anything is done for it, and not by the first statement only. */
  private forget(keyId: string): void {
    for (const [cacheKey, principal] of this.known) if (principal.keyId === keyId) this.known.delete(cacheKey);
  }

  private async fromKey(secret: string): Promise<Principal> {
    const prefix = keyPrefix(secret);
    if (!prefix) throw refused();
    const orgId = this.access.orgId;
    const found = await this.access.system('authenticate', (unit) => findKey(unit, orgId, prefix));
    // Hashed also when nothing was found, so that the time tells nothing of which prefixes there are.
    const matches = hashesMatch(hashKey(secret), found?.hash ?? Buffer.alloc(32));
    if (!found || !matches || !found.live) throw refused();
    const { principalId: id, kind, name, role, keyId } = found;
    return { orgId, id, kind, name, role, keyId, tokenExpiresAt: null };
  }

  private async fromToken(token: string, jwks: JWTVerifyGetKey): Promise<Principal> {
    const jwt = this.jwt as JwtConfig;
    const payload = await this.verify(token, jwks, jwt);
    const role = payload[jwt.roleClaim];
    if (typeof role !== 'string' || !payload.sub || !payload.exp) {
      throw new CommonplaceError(
        'UNAUTHENTICATED',
        `The token must have sub, exp and the role as text in the claim ${jwt.roleClaim}.`,
      );
    }
    const orgId = this.access.orgId;
    const name = payload[jwt.nameClaim];
    const principal: Principal = {
      orgId,
      id: derivedId(`${jwt.issuer}|${payload.sub}`, orgId),
      kind: role === 'admin' ? 'OPERATOR' : 'AGENT',
      name: nameOf(name) || nameOf(payload.sub) || 'unnamed',
      role,
      keyId: null,
      tokenExpiresAt: new Date(payload.exp * 1000),
    };
    const exists =
      ROLE_FORMAT.test(role) && (await this.access.system('authenticate', (unit) => upsertPrincipal(unit, principal)));
    if (!exists)
      throw new CommonplaceError(
        'UNAUTHENTICATED',
        `The token's role ${JSON.stringify(role.slice(0, 64))} is not a role here.`,
      );
    return principal;
  }

  private async verify(token: string, jwks: JWTVerifyGetKey, jwt: JwtConfig): Promise<JWTPayload> {
    try {
      const options = { issuer: jwt.issuer, audience: jwt.audience, algorithms: ALGORITHMS, clockTolerance: 5 };
      return (await jwtVerify(token, jwks, options)).payload;
    } catch (error) {
      // Neither a refused connection nor an answer that holds no keys says anything of the token.
      if (
        !(error instanceof errors.JOSEError) ||
        error instanceof errors.JWKSTimeout ||
        error.code === 'ERR_JOSE_GENERIC'
      ) {
        throw new CommonplaceError(
          'UNAVAILABLE',
          'The identity provider does not answer.',
          { retryAfterMs: 1000 },
          { cause: error },
        );
      }
      throw new CommonplaceError('UNAUTHENTICATED', `The token was refused (${error.code}).`, {}, { cause: error });
    }
  }

  /** Once a minute a key at most, beside the request and not in it. A lost note loses nothing but minutes of precision. */
  private noteUse(principal: Principal): void {
    const { keyId } = principal;
    if (!keyId || Date.now() - (this.notedAt.get(keyId) ?? 0) < NOTE_USE_EVERY_MS) return;
    if (this.notedAt.size >= MAX_CACHED) this.notedAt.clear();
    this.notedAt.set(keyId, Date.now());
    this.access
      .system('note key use', (unit) => noteUse(unit, principal.orgId, [keyId]))
      .catch(() => this.notedAt.delete(keyId));
  }
}

const cacheKeyOf = (bearer: string): string => hash('sha256', bearer, 'base64');

function refused(): CommonplaceError {
  return new CommonplaceError('UNAUTHENTICATED', 'The key is not known here, was revoked, or has expired.');
}

function hasEnded(principal: Principal): boolean {
  return principal.tokenExpiresAt !== null && principal.tokenExpiresAt.getTime() <= Date.now();
}

/** Three parts, of which the first begins as every JSON object does; a key that an operator chose may have points in it too. */
function looksLikeJwt(bearer: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(bearer);
}

/** As much of a claim as can be stored and shown. */
function nameOf(claim: unknown): string {
  if (typeof claim !== 'string') return '';
  return claim
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, 200)
    .toWellFormed()
    .trim();
}
