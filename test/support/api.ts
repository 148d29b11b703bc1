import { readConfig, type Database } from '#platform';
import { createClient, type Client } from 'graphql-ws';
import WebSocket from 'ws';
import { openBroker, type BrokerOptions } from '../../apps/api/src/broker.js';
import { listen, type RunningApi } from '../../apps/api/src/main.js';
import { createLogger } from '../../apps/api/src/telemetry/logger.js';
import { openTestDatabase } from './database.js';

export const ADMIN_KEY = 'test-admin-key-0123456789-0123456789';

export interface Answer {
  data: Record<string, unknown> | null;
  errors?: {
    message: string;
    path?: (string | number)[];
    extensions: { code: string; field?: string; retryAfterMs?: number };
  }[];
  status: number;
}

/** One caller of a running API, over real HTTP and real sockets. */
export class TestClient {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  as(key: string): TestClient {
    return new TestClient(this.url, key);
  }

  async send(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.key}` },
      body: JSON.stringify({ query, variables }),
    });
    return { ...((await response.json()) as Omit<Answer, 'status'>), status: response.status };
  }

  /** The data, or an error that shows what the API answered. */
  async ask<Data = Record<string, never>>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const answer = await this.send(query, variables);
    if (answer.errors || !answer.data) throw new Error(JSON.stringify(answer.errors));
    return answer.data as Data;
  }

  /** The code of the one failure. */
  async code(query: string, variables: Record<string, unknown> = {}): Promise<string | undefined> {
    return (await this.send(query, variables)).errors?.[0]?.extensions.code;
  }

  socket(options: { retryAttempts?: number } = {}): Client {
    return createClient({
      url: `${this.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.key}` },
      retryAttempts: 0,
      ...options,
    });
  }
}

export interface TestApi extends RunningApi {
  admin: TestClient;
  /** A client of a new agent with the role. */
  agent: (role: string, options?: { privatePool?: boolean }) => Promise<TestClient & { id: string }>;
}

/** A broker of its own on a port of its own. @param env variables on top of the tests' own */
export async function startTestApi(
  env: NodeJS.ProcessEnv = {},
  given?: Database,
  parts: Pick<BrokerOptions, 'webhooks' | 'consolidation' | 'extraction'> = {},
): Promise<TestApi> {
  const database = given ?? (await openTestDatabase());
  const config = readConfig({
    PORT: '0',
    COMMONPLACE_BOOTSTRAP_KEY: ADMIN_KEY,
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: 'silent',
    ...env,
  });
  const logger = createLogger(config.logLevel);
  const onError: BrokerOptions['onError'] = (where, error) => logger.error({ err: error }, where);
  const broker = await openBroker({ config, database, onError, ...parts });
  const api = await listen(config, logger, broker);
  const admin = new TestClient(api.url, ADMIN_KEY);
  return { ...api, admin, agent: (role, options) => registerAgent(admin, role, options) };
}

export async function registerAgent(
  admin: TestClient,
  role: string,
  options: { privatePool?: boolean } = {},
): Promise<TestClient & { id: string }> {
  const { registerAgent: made } = await admin.ask<{
    registerAgent: { agent: { id: string }; issuedKey: { secret: string } };
  }>('mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { agent { id } issuedKey { secret } } }', {
    input: { name: `a ${role}`, role, ...options },
  });
  return Object.assign(admin.as(made.issuedKey.secret), { id: made.agent.id });
}
