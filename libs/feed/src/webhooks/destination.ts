import { badInput } from '#kernel';
import ipaddr from 'ipaddr.js';
import type { LookupAddress } from 'node:dns';
import dns from 'node:dns/promises';
import net from 'node:net';

export const MAX_URL = 2_000;

export type Resolve = (host: string) => Promise<LookupAddress[]>;
const resolveAll: Resolve = (host) => dns.lookup(host, { all: true });

/** Why nothing is sent there. The message is short, and for an admin to read. */
export class Refused extends Error {}

/** Of Azure, and a public address by the look of it. */
const METADATA = ['168.63.129.16'];
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Whether anybody on the internet may be at the address. What cannot be read is not. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA.includes(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || (parsed as ipaddr.IPv6).match(GLOBAL_UNICAST);
}

/**
 * Where webhooks may lead. A broker stands inside a network: what an admin may have it call must not be what only the
 * inside can call. So a name is resolved here, and the connection goes to an address that was looked at and to no other.
 */
export class Destinations {
  /** @param allowed `host` or `host:port`, of which http and addresses of the inside are taken too */
  constructor(
    private readonly allowed: readonly string[],
    private readonly resolve: Resolve = resolveAll,
  ) {}

  /** @throws BAD_INPUT */
  parse(text: string, field: string): URL {
    if (text.length > MAX_URL) throw badInput(field, `has more than ${MAX_URL} characters`);
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url?.hostname) throw badInput(field, 'is not a URL');
    const isAllowed = this.isAllowed(url);
    if (url.protocol !== 'https:' && !(isAllowed && url.protocol === 'http:'))
      throw badInput(field, 'must be an https URL');
    if (url.username || url.password) throw badInput(field, 'must not have credentials in it');
    url.hash = '';
    if (url.href.length > MAX_URL) throw badInput(field, `has more than ${MAX_URL} characters once it is encoded`);
    return url;
  }

  /** The addresses that may be connected to. @throws Refused */
  async addresses(url: URL, signal: AbortSignal): Promise<LookupAddress[]> {
    const isAllowed = this.isAllowed(url);
    // What was allowed when the webhook was made may have left the list since.
    if (url.protocol !== 'https:' && !isAllowed) throw new Refused('the URL is not https');
    const found = await this.find(url.hostname.replace(/^\[|\]$/g, ''), signal);
    if (found.length === 0) throw new Refused('the host name has no address');
    const open = isAllowed ? found : found.filter(({ address }) => isPublic(address));
    if (open.length === 0) throw new Refused('the host is not at a public address');
    return open;
  }

  private async find(host: string, signal: AbortSignal): Promise<LookupAddress[]> {
    // Node asks no lookup for these, so they would pass by.
    const family = net.isIP(host);
    if (family !== 0) return [{ address: host, family }];
    const late = new Promise<never>((_, reject) => {
      const refuse = () => reject(new Refused('the host name was not resolved in time'));
      if (signal.aborted) refuse();
      else signal.addEventListener('abort', refuse, { once: true });
    });
    try {
      return await Promise.race([this.resolve(host), late]);
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Refused('the host name could not be resolved');
    }
  }

  private isAllowed({ hostname, port, protocol }: URL): boolean {
    const usual = protocol === 'https:' ? '443' : '80';
    return this.allowed.includes(hostname) || this.allowed.includes(`${hostname}:${port || usual}`);
  }
}
