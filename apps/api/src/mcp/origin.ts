const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Programs send no Origin. A browser does, and a page whose name was made to point at this machine sends that name as the host
 * too: so only a page from here, or from an origin that was listed, is let in.
 */
export function isAllowedOrigin(
  { origin, host }: { origin?: string | undefined; host?: string | undefined },
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes(origin)) return true;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url !== undefined && LOOPBACK.includes(url.hostname) && url.host === host;
}
