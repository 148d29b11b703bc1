import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { hang, reset, status, WebhookReceiver, type Behave } from '../../../../test/support/webhook-receiver.js';
import { waitAfter } from './backoff.js';
import { Destinations } from './destination.js';
import { post, retryAfter } from './post.js';

let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
});
afterEach(() => receiver.clear());
afterAll(() => receiver.close());

const send = (
  behave: Behave,
  destinations = new Destinations(['127.0.0.1']),
  cutOff = new AbortController().signal,
) => {
  receiver.orders.push(behave);
  const headers = { 'webhook-id': 'an id' };
  return post(destinations, { url: receiver.url, headers, body: '{"type":"x","data":{}}', timeoutMs: 400, cutOff });
};
const failed = (error: string, retryAfterMs = 0) => ({ kind: 'FAILED', error, retryAfterMs });
const never: Behave = (response) => void response.writeHead(200).write('and');
const endless: Behave = (response) => {
  response.writeHead(200);
  const write = () => {
    while (!response.destroyed && response.write('x'.repeat(65_536)));
  };
  response.on('drain', write);
  write();
};

describe('a POST', () => {
  it.each<[string, Behave, unknown]>([
    ['answered 200', status(200), { kind: 'DELIVERED' }],
    ['answered 202', status(202), { kind: 'DELIVERED' }],
    ['answered 200, with a body that never ends', endless, { kind: 'DELIVERED' }],
    ['answered 410', status(410), { kind: 'GONE', error: 'the receiver answered 410' }],
    ['answered 500', status(500), failed('the receiver answered 500')],
    [
      'answered 429, and when to come again',
      status(429, { 'retry-after': '7' }),
      failed('the receiver answered 429', 7000),
    ],
    [
      'redirected',
      status(302, { location: 'http://127.0.0.1:1/' }),
      failed('the receiver answered 302, and redirects are not followed'),
    ],
    ['not answered', hang, failed('no answer within 400 ms')],
    ['cut', reset, failed('the connection failed: ECONNRESET')],
  ])('that is %s', async (_, behave, outcome) => {
    expect(await send(behave)).toEqual(outcome);
    expect(receiver.received).toHaveLength(1);
  });

  it('whose answer trickles is through by its status', async () => {
    const began = performance.now();
    const outcome = await send(never);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(outcome).toEqual({ kind: 'DELIVERED' });
  });

  it('that is cut off by us is neither delivered nor failed', async () => {
    const cutOff = new AbortController();
    const sent = send(hang, undefined, cutOff.signal);
    await receiver.hears(1);
    cutOff.abort();
    expect(await sent).toEqual({ kind: 'CUT_OFF' });
  });

  it('goes to nobody where nobody listens', async () => {
    const url = 'http://127.0.0.1:1/';
    const options = { url, headers: {}, body: '', timeoutMs: 400, cutOff: new AbortController().signal };
    expect(await post(new Destinations(['127.0.0.1']), options)).toEqual(failed('the connection failed: ECONNREFUSED'));
  });

  it('to a name that was public when it was checked, and is of the inside by now, does not leave', async () => {
    const answers = ['1.1.1.1', '127.0.0.1'];
    const rebinding = new Destinations([], () => Promise.resolve([{ address: answers.shift() as string, family: 4 }]));
    const url = new URL('https://rebinding.test/');
    expect(await rebinding.addresses(url, AbortSignal.timeout(100))).toHaveLength(1);
    const options = { url: url.href, headers: {}, body: '', timeoutMs: 400, cutOff: new AbortController().signal };
    expect(await post(rebinding, options)).toEqual(failed('the host is not at a public address'));
  });

  it('connects to the address that was looked at, whatever the name says the next time', async () => {
    const { port } = new URL(receiver.url);
    let asked = 0;
    const once = new Destinations([`once.test:${port}`], () => {
      asked++;
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    });
    const options = { headers: {}, body: '{"data":{}}', timeoutMs: 400, cutOff: new AbortController().signal };
    expect(await post(once, { ...options, url: `http://once.test:${port}/` })).toEqual({ kind: 'DELIVERED' });
    expect(asked).toBe(1);
    expect(receiver.received[0]?.headers['host']).toBe(`once.test:${port}`);
  });
});

describe('how long an event waits', () => {
  const schedule = [0, 100, 200];

  it('grows with its failures, until there is no more', () => {
    expect([1, 2, 3].map((failures) => waitAfter(schedule, failures, 0, () => 0))).toEqual([100, 200, null]);
    expect(waitAfter(schedule, 1, 0, () => 1)).toBe(120);
  });

  it('is what the receiver asks for, never less than planned, and a day at most', () => {
    expect(waitAfter(schedule, 1, 50, () => 0)).toBe(100);
    expect(waitAfter(schedule, 1, 5_000, () => 0)).toBe(5_000);
    expect(waitAfter(schedule, 1, 1e12, () => 0)).toBe(86_400_000);
  });

  it.each([
    [undefined, 0],
    ['', 0],
    ['120', 120_000],
    ['-1', 0],
    ['1e9', 0],
    ['soon', 0],
    ['9'.repeat(500), 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('is read from %s', (value, ms) => {
    expect(retryAfter(value, 1_000)).toBe(ms);
  });
});
