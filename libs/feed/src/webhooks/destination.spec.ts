import { describe, expect, it } from '@jest/globals';
import { Destinations, isPublic } from './destination.js';

const REFUSED = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:0:127.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b:1::a00:1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '',
  'localhost',
  '1.2.3.4.5',
];
const TAKEN = ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'];
const never = new AbortController().signal;

describe('an address', () => {
  it.each(REFUSED.map((address) => [address]))('%s is refused', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each(TAKEN.map((address) => [address]))('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });
});

describe('a URL', () => {
  const destinations = new Destinations(['inside.test', '10.0.0.7:8080', '[::1]']);

  it.each([
    ['http://example.com/', 'https'],
    ['ftp://example.com/', 'https'],
    ['file:///etc/passwd', 'is not a URL'],
    ['javascript:alert(1)', 'is not a URL'],
    ['https://', 'is not a URL'],
    ['nonsense', 'is not a URL'],
    ['', 'is not a URL'],
    ['https://user@example.com/', 'credentials'],
    ['https://user:secret@example.com/', 'credentials'],
    ['http://10.0.0.7:8081/', 'https'],
    ['http://10.0.0.7/', 'https'],
    [`https://example.com/${'x'.repeat(2_000)}`, '2000'],
    [`https://example.com/${'ü'.repeat(700)}`, 'encoded'],
  ])('%s is refused', (url, why) => {
    expect(() => destinations.parse(url, 'input.url')).toThrow(why);
  });

  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://EXAMPLE.com:443/a?b=c#part', 'https://example.com/a?b=c'],
    ['http://inside.test:9999/x', 'http://inside.test:9999/x'],
    ['http://10.0.0.7:8080/', 'http://10.0.0.7:8080/'],
    ['http://[::1]/', 'http://[::1]/'],
  ])('%s is taken', (url, href) => {
    expect(destinations.parse(url, 'input.url').href).toBe(href);
  });
});

describe('where a URL leads', () => {
  const resolving = (...addresses: string[]) =>
    new Destinations(['inside.test'], () =>
      Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))),
    );
  const led = (destinations: Destinations, url: string) => destinations.addresses(new URL(url), never);

  it.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]/',
    'https://169.254.169.254/latest/meta-data',
  ])('%s is refused without a look-up, which Node would not make either', async (url) => {
    const destinations = new Destinations([], () => Promise.resolve([{ address: '1.1.1.1', family: 4 }]));
    await expect(led(destinations, url)).rejects.toThrow('not at a public address');
  });

  it('is the addresses of the name that are public, and no others', async () => {
    const found = await led(resolving('10.0.0.1', '1.1.1.1', '::1', '2606:4700::1'), 'https://example.com/');
    expect(found.map(({ address }) => address)).toEqual(['1.1.1.1', '2606:4700::1']);
  });

  it('is refused where the name has none, or cannot be resolved', async () => {
    await expect(led(resolving('10.0.0.1'), 'https://example.com/')).rejects.toThrow('not at a public address');
    await expect(led(resolving(), 'https://example.com/')).rejects.toThrow('has no address');
    const failing = new Destinations([], () => Promise.reject(new Error('queryA ESERVFAIL secret.internal')));
    await expect(led(failing, 'https://example.com/')).rejects.toThrow(/^the host name could not be resolved$/);
  });

  it('is not waited for without an end', async () => {
    const silent = new Destinations([], () => new Promise(() => undefined));
    const late = silent.addresses(new URL('https://example.com/'), AbortSignal.timeout(20));
    await expect(late).rejects.toThrow('in time');
  });

  it('is anything for a host that is allowed, and no longer by http once it is not', async () => {
    expect(await led(resolving('10.0.0.1'), 'http://inside.test/')).toHaveLength(1);
    await expect(led(new Destinations([]), 'http://inside.test/')).rejects.toThrow('https');
  });
});
