import { createHmac, randomBytes } from 'node:crypto';

export const mintSecret = (): Buffer => randomBytes(32);

/** As the libraries of Standard Webhooks take it. */
export const showSecret = (secret: Buffer): string => `whsec_${secret.toString('base64')}`;

/** One signature for each secret: while two hold, a receiver may know either. */
export function signedHeaders(id: string, body: string, secrets: readonly Buffer[], now = Date.now()) {
  const timestamp = String(Math.floor(now / 1000));
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
