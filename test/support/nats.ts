import { it } from '@jest/globals';
import { afterAll } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

/** No suite takes as long: a server that was left behind ends by itself. */
const LONGEST_LIFE_MS = 300_000;
const READY_WITHIN_MS = 20_000;

export const hasNats = spawnSync('nats-server', ['--version']).status === 0;

/** Where nats-server is not installed; the checks install it. The name tells why, by `natsOnly`. */
export const itWithNats = hasNats ? it : it.skip;

/** The reason for a skip is in the test's name. */
export const natsOnly = (name: string): string => (hasNats ? name : `${name} [skipped: there is no nats-server here]`);

const running = new Set<NatsServer>();
afterAll(async () => {
  for (const server of running) await server.kill();
});

/** A real nats-server in a process of its own; it can be killed, and started again on the same port. */
export class NatsServer {
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly options: readonly string[],
  ) {}

  static async start(...options: string[]): Promise<NatsServer> {
    const server = await NatsServer.notYet(...options);
    await server.start();
    return server;
  }

  /** Only its port is known. */
  static async notYet(...options: string[]): Promise<NatsServer> {
    return new NatsServer(await freePort(), options);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = ['--addr', '127.0.0.1', '--port', String(this.port), ...this.options];
    this.child = spawn('nats-server', args, { stdio: 'ignore', timeout: LONGEST_LIFE_MS, killSignal: 'SIGKILL' });
    running.add(this);
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await answers(this.port))) {
      if (Date.now() > deadline) throw new Error('nats-server did not come up');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    running.delete(this);
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}
