export type PrincipalKind = 'AGENT' | 'OPERATOR';

/** Whoever acts: an agent, or an operator (a person or a service). Made from a credential only, never from input. */
export interface Principal {
  orgId: string;
  id: string;
  kind: PrincipalKind;
  name: string;
  role: string;
  /** The API key that was shown, for the fence to ask again whether it still holds; null for a token of an identity provider. */
  keyId: string | null;
  /** When a token of an identity provider ends; a key's end is read in the database. */
  tokenExpiresAt: Date | null;
}
