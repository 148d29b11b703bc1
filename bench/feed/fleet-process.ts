import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';
import type { FleetOptions } from './fleet.js';

const options = JSON.parse(process.argv[2] as string) as FleetOptions;
const fields = 'id kind cursor memoryId poolKey memory { id type content importance createdAt pool { key } }';
let received = 0;
let arrivals: [number, number][] = [];

let sockets: WebSocket[] = [];
let leaving = false;

type Message = { until: number; withinMs: number } | { reading: boolean } | { attending: boolean };

process.on('message', (message: Message) => {
  if ('until' in message) return void report(message);
  if ('attending' in message) return void (message.attending ? enter(undefined) : leave());
  for (const socket of sockets) {
    if (message.reading) socket.resume();
    else socket.pause();
  }
});
await enter(options.after);

async function enter(after: string | undefined): Promise<void> {
  leaving = false;
  for (let from = 0; from < options.sockets; from += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, options.sockets - from) }, (_, nth) => open(from + nth, after)),
    );
  process.send?.({ kind: 'ready' });
}

function leave(): void {
  leaving = true;
  for (const socket of sockets) socket.terminate();
  sockets = [];
  process.send?.({ kind: 'left' });
}

async function open(nth: number, after: string | undefined): Promise<void> {
  const socket = new WebSocket(`${options.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  });
  sockets.push(socket);
  const key = options.keys[nth % options.keys.length] as string;
  const alias = options.shape === 'same' ? 'event' : `event${nth}`;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => leaving || process.send?.({ error: `a socket was closed with ${code}` }));
    socket.on('open', () => send({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
    socket.on('message', (data) => {
      const frame = data as Buffer;
      // {"id":"1","type":"next",…: what else comes is rare, and is looked at.
      if (frame[2] === 0x69 && frame[18] === 0x6e) return receive(frame);
      const { type } = JSON.parse(frame.toString()) as { type: string };
      if (type === 'connection_ack')
        send({
          id: '1',
          type: 'subscribe',
          payload: {
            query: `subscription ($after: String) { ${alias}: memoryFeed(input: { after: $after }) { ${fields} } }`,
            variables: { after },
          },
        });
      if (type === 'connection_ack') send({ type: 'ping' });
      if (type === 'pong') resolve();
      if (type === 'error') reject(new Error(frame.toString()));
    });
    const send = (message: object) => socket.send(JSON.stringify(message));
  });
}

function receive(frame: Buffer): void {
  received++;
  if (!options.timed) return;
  const from = frame.indexOf('written ');
  if (from < 0) return;
  const written = Number(frame.toString('latin1', from + 8, from + 28));
  arrivals.push([written, Number(process.hrtime.bigint() / 1000n)]);
}

async function report({ until, withinMs }: { until: number; withinMs: number }): Promise<void> {
  const end = Date.now() + withinMs;
  while (received < until && Date.now() < end) await pause(1);
  if (received < until) process.send?.({ error: `only ${received} of ${until} were received` });
  else {
    const latencies = arrivals.map(([written, at]) => (at - written) / 1000);
    process.send?.({ kind: 'report', value: { received, latencies, arrivals } });
  }
  received = 0;
  arrivals = [];
}
