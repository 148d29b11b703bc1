import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { TestClient } from './api.js';
import { eventually } from './doorbells.js';

export interface Received {
  id: string;
  type: string;
  headers: Record<string, string>;
  body: string;
  data: {
    id: string;
    kind: string;
    cursor: string;
    poolKey: string | null;
    memoryId: string | null;
    memory: { content: string | null; maskedFields: string[] } | null;
  };
  /** Of all requests, how many were under way when this came, itself too. */
  atOnce: number;
}

export type Behave = (response: http.ServerResponse, received: Received) => void;
export const ok: Behave = (response) => response.writeHead(204).end();
export const status =
  (code: number, headers: Record<string, string> = {}): Behave =>
  (response) =>
    response.writeHead(code, headers).end('zqreceiver says no');
export const hang: Behave = () => undefined;
export const reset: Behave = (response) => response.socket?.resetAndDestroy();

/** A receiver of webhooks, which behaves as it is told: once each in turn, and otherwise well. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  /** For the next requests, one each. */
  readonly orders: Behave[] = [];
  otherwise: Behave = ok;
  private underWay = 0;

  private constructor(private readonly server: http.Server) {
    server.on('request', (request, response) => void this.take(request, response));
  }

  static async start(): Promise<WebhookReceiver> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new WebhookReceiver(server);
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/hook`;
  }

  /** What it answered with success, in the order in which that happened, repeats left out. */
  get contents(): (string | null | undefined)[] {
    const seen = new Map(this.received.map((one) => [one.id, one.data.memory?.content]));
    return [...seen.values()];
  }

  async hears(count: number): Promise<Received[]> {
    await eventually(() => this.received.length >= count);
    return this.received.slice(0, count);
  }

  async hearsOf(content: string): Promise<Received> {
    const find = () => this.received.find(({ data }) => data.memory?.content === content);
    await eventually(() => find() !== undefined);
    return find() as Received;
  }

  clear(): void {
    this.received.splice(0);
    this.orders.splice(0);
    this.otherwise = ok;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const atOnce = ++this.underWay;
    response.on('close', () => this.underWay--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const headers = request.headers as Record<string, string>;
    const { type, data } = JSON.parse(body) as Pick<Received, 'type' | 'data'>;
    const received = { id: headers['webhook-id'] as string, type, headers, body, data, atOnce };
    this.received.push(received);
    (this.orders.shift() ?? this.otherwise)(response, received);
  }
}

/** With the library that receivers use. @throws where the signature does not hold */
export const verify = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, headers);

export interface ShownWebhook {
  id: string;
  url: string;
  state: string;
  reason: string | null;
  failures: number;
  lastError: string | null;
  nextAttemptAt: string | null;
}

const SHOWN = 'id url state reason failures lastError nextAttemptAt';

export async function createWebhook(
  admin: TestClient,
  input: Record<string, unknown>,
): Promise<{ id: string; secret: string }> {
  const { createWebhook: made } = await admin.ask<{ createWebhook: { webhook: { id: string }; secret: string } }>(
    'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } secret } }',
    { input },
  );
  return { id: made.webhook.id, secret: made.secret };
}

export async function webhookOf(admin: TestClient, id: string): Promise<ShownWebhook> {
  const { webhooks } = await admin.ask<{ webhooks: ShownWebhook[] }>(`{ webhooks { ${SHOWN} } }`);
  return webhooks.find((one) => one.id === id) as ShownWebhook;
}

export async function webhookBecomes(admin: TestClient, id: string, wanted: Partial<ShownWebhook>): Promise<void> {
  const fits = async () => {
    const shown = await webhookOf(admin, id);
    return Object.entries(wanted).every(([name, value]) => shown[name as keyof ShownWebhook] === value);
  };
  await eventually(fits).catch(async () => {
    throw new Error(`the webhook is ${JSON.stringify(await webhookOf(admin, id))}`);
  });
}

export const updateWebhook = (admin: TestClient, input: Record<string, unknown>): Promise<unknown> =>
  admin.ask('mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) { id } }', { input });
