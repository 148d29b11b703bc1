import type { Principal } from '#access';
import type { MemorizeInput } from '#memory';
import { readConfig } from '#platform';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { openBroker } from '../../apps/api/src/broker.js';

export interface WriterOptions {
  /** Of a broker, for mutations over HTTP; or of its database, for a second replica that writes without. */
  url: string;
  /** Who writes into which pools, in turn. */
  targets: readonly { key: string; pool: string }[];
  /** Begun so many a second, whether those before are through or not; 0: as fast as `parallel` allow. */
  perSecond: number;
  parallel: number;
  /** Before those that are timed. */
  warmSeconds: number;
  seconds: number;
}

const options = JSON.parse(process.argv[2] as string) as WriterOptions;
const store = options.url.startsWith('http') ? overHttp() : await throughReplica();
let begun = 0;
let done = 0;
/** Milliseconds to the acknowledgement. */
const times: number[] = [];
/** When it came, on the clock. */
const acknowledged: number[] = [];
let failure: string | undefined;

const start = performance.now();
const warm = start + options.warmSeconds * 1000;
const end = warm + options.seconds * 1000;
if (options.perSecond > 0) await atPace();
else await Promise.all(Array.from({ length: options.parallel }, untilTheEnd));
process.send?.(failure ? { error: failure } : { kind: 'written', value: { written: done, times, acknowledged } });

async function atPace(): Promise<void> {
  while (performance.now() < end) {
    const due = ((performance.now() - start) / 1000) * options.perSecond;
    while (begun < due) void write().then(count, fail);
    await pause(1);
  }
  while (done < begun && !failure) await pause(5);
}

async function untilTheEnd(): Promise<void> {
  while (performance.now() < end && !failure) await write().then(count, fail);
}

function count(): void {
  done++;
}

function fail(error: unknown): void {
  failure = String(error);
}

function write(): Promise<void> {
  const { key, pool } = options.targets[begun % options.targets.length] as WriterOptions['targets'][number];
  const written = String(process.hrtime.bigint() / 1000n).padStart(20, '0');
  const content = `written ${written} as number ${begun++}, told in a sentence of the usual length.`;
  const since = performance.now();
  return store(key, { content, type: 'EPISODIC', pool }).then(() => {
    if (since <= warm) return;
    times.push(performance.now() - since);
    acknowledged.push(Date.now());
  });
}

type Store = (key: string, input: MemorizeInput) => Promise<void>;

function overHttp(): Store {
  const agent = new Agent({ keepAlive: true, maxSockets: options.parallel });
  const query = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome } }';
  return (key, input) => {
    const body = JSON.stringify({ query, variables: { input } });
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${key}`,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${options.url}/graphql`, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => (text.includes('CREATED') ? resolve() : reject(new Error(text))));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  };
}

async function throughReplica(): Promise<Store> {
  const config = readConfig({ DATABASE_URL: options.url, DATABASE_POOL_SIZE: '10' });
  const broker = await openBroker({ config, onError: () => undefined });
  const callers = new Map<string, Principal>();
  for (const { key } of options.targets) callers.set(key, await broker.credentials.authenticate(key));
  return async (key, input) => {
    await broker.memorize.memorize(callers.get(key) as Principal, input);
  };
}
