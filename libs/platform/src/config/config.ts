import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const positive = z.coerce.number().int().min(1);
const optional = z.string().min(1).optional();
const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must be a URL that begins with postgres://')
  .optional();
const natsUrls = z
  .string()
  .refine(
    (urls) => urls.split(',').every(isNatsUrl),
    'must be a URL that begins with nats:// or tls://, or several with commas',
  )
  .optional();
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
/** The well-known documents of a host stand at its root: below a path they would be another service's. */
const origin = httpUrl.refine(
  // What is no URL at all was found out before, and is asked here all the same.
  (url) => URL.canParse(url) && [new URL(url).origin, `${new URL(url).origin}/`].includes(url),
  'must be an origin without a path, such as https://memory.example.com',
);

/** Every variable the broker reads, with its default: docs and .env.example list the same names. */
const environment = z.object({
  PORT: port.default(4000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: postgresUrl,
  DATABASE_LISTEN_URL: postgresUrl,
  DATABASE_POOL_SIZE: positive.max(200).default(10),
  NATS_URL: natsUrls,
  DATA_DIR: z.string().min(1).default('./data'),
  COMMONPLACE_BOOTSTRAP_KEY: z.string().min(32, 'must have at least 32 characters').max(512).optional(),
  EMBEDDING_MODEL: optional,
  EMBEDDING_DIMENSIONS: positive.max(16_000).optional(),
  EMBEDDING_TIMEOUT_MS: positive.default(2000),
  LLM_MODEL: optional,
  LLM_TIMEOUT_MS: positive.max(600_000).default(30000),
  OPENAI_BASE_URL: httpUrl.optional(),
  OPENAI_API_KEY: optional,
  COMMONPLACE_NOW_OFFSET_DAYS: z.coerce.number().default(0),
  RECALL_KEPT_MEMORIES: z.coerce.number().int().min(0).max(10_000_000).default(50_000),
  RECALL_KEPT_VECTORS_MB: z.coerce.number().int().min(0).max(4_000).default(128),
  FEED_RETENTION_DAYS: positive.max(36_500).default(7),
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(0).default(6000),
  AUTH_JWT_ISSUER: optional,
  AUTH_JWT_JWKS_URL: httpUrl.optional(),
  AUTH_JWT_AUDIENCE: optional,
  AUTH_JWT_ROLE_CLAIM: z.string().min(1).default('role'),
  AUTH_JWT_NAME_CLAIM: z.string().min(1).default('name'),
  WEBHOOK_ALLOWED_HOSTS: z
    .string()
    .refine((hosts) => listed(hosts).every(isHost), 'must be hosts, or host:port, separated by commas')
    .default(''),
  WS_ALLOWED_ORIGINS: z.string().default(''),
  PUBLIC_URL: origin.optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export interface JwtConfig {
  issuer: string;
  jwksUrl: string;
  audience: string | undefined;
  roleClaim: string;
  nameClaim: string;
}

export interface EmbeddingConfig {
  model: string;
  dimensions: number | undefined;
  timeoutMs: number;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}

export interface LlmConfig {
  model: string;
  /** Of one attempt. */
  timeoutMs: number;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}

export interface Config {
  http: {
    host: string;
    port: number;
    publicUrl: string | undefined;
    allowedOrigins: string[];
    ratePerMinute: number;
  };
  database: { url: string | undefined; poolSize: number; dataDir: string };
  /** How brokers on one Postgres tell each other that there is something new. */
  doorbell: { listenUrl: string | undefined; natsUrl: string | undefined };
  /** How many memories' terms are kept in memory for recall. */
  recall: { keptMemories: number; keptVectorsMb: number };
  feed: { retentionDays: number };
  /** What webhooks may reach beside the internet. */
  webhooks: { allowedHosts: string[] };
  bootstrapKey: string | undefined;
  embedding: EmbeddingConfig | undefined;
  llm: LlmConfig | undefined;
  jwt: JwtConfig | undefined;
  nowOffsetDays: number;
  logLevel: string;
}

/** A variable was wrong. The message names it and what it should be, never its value: that may be a secret. */
export class ConfigError extends Error {
  /** An operator can act on it: it needs no stack. */
  readonly told = true;
}

/** @throws ConfigError, one line a variable. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const v = parsed.data;
  return {
    http: {
      host: v.HOST,
      port: v.PORT,
      publicUrl: v.PUBLIC_URL,
      allowedOrigins: listed(v.WS_ALLOWED_ORIGINS),
      ratePerMinute: v.RATE_LIMIT_PER_MINUTE,
    },
    database: { url: v.DATABASE_URL, poolSize: v.DATABASE_POOL_SIZE, dataDir: v.DATA_DIR },
    doorbell: { listenUrl: v.DATABASE_LISTEN_URL ?? v.DATABASE_URL, natsUrl: v.NATS_URL },
    recall: { keptMemories: v.RECALL_KEPT_MEMORIES, keptVectorsMb: v.RECALL_KEPT_VECTORS_MB },
    feed: { retentionDays: v.FEED_RETENTION_DAYS },
    webhooks: { allowedHosts: listed(v.WEBHOOK_ALLOWED_HOSTS).map((host) => host.toLowerCase()) },
    bootstrapKey: v.COMMONPLACE_BOOTSTRAP_KEY,
    embedding: v.EMBEDDING_MODEL
      ? {
          model: v.EMBEDDING_MODEL,
          dimensions: v.EMBEDDING_DIMENSIONS,
          timeoutMs: v.EMBEDDING_TIMEOUT_MS,
          baseUrl: v.OPENAI_BASE_URL,
          apiKey: v.OPENAI_API_KEY,
        }
      : undefined,
    llm: v.LLM_MODEL
      ? { model: v.LLM_MODEL, timeoutMs: v.LLM_TIMEOUT_MS, baseUrl: v.OPENAI_BASE_URL, apiKey: v.OPENAI_API_KEY }
      : undefined,
    jwt: jwtConfig(v),
    nowOffsetDays: v.COMMONPLACE_NOW_OFFSET_DAYS,
    logLevel: v.LOG_LEVEL,
  };
}

function jwtConfig(v: z.infer<typeof environment>): JwtConfig | undefined {
  if (!v.AUTH_JWT_ISSUER && !v.AUTH_JWT_JWKS_URL) return undefined;
  if (!v.AUTH_JWT_ISSUER) throw new ConfigError('AUTH_JWT_ISSUER: must be set where AUTH_JWT_JWKS_URL is');
  if (!v.AUTH_JWT_JWKS_URL) throw new ConfigError('AUTH_JWT_JWKS_URL: must be set where AUTH_JWT_ISSUER is');
  return {
    issuer: v.AUTH_JWT_ISSUER,
    jwksUrl: v.AUTH_JWT_JWKS_URL,
    audience: v.AUTH_JWT_AUDIENCE,
    roleClaim: v.AUTH_JWT_ROLE_CLAIM,
    nameClaim: v.AUTH_JWT_NAME_CLAIM,
  };
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

/** As a URL names it: a name, an address, or [an address of IPv6]. */
function isHost(text: string): boolean {
  const url = `http://${text.toLowerCase()}`;
  return (
    /^[^/?#@\\\s]+$/.test(text) &&
    URL.canParse(url) &&
    [new URL(url).host, `${new URL(url).host}:80`].includes(text.toLowerCase())
  );
}

function isNatsUrl(text: string): boolean {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (!url || !['nats:', 'tls:'].includes(url.protocol) || url.host === '') return false;
  try {
    return [url.username, url.password].every((part) => decodeURIComponent(part) !== undefined);
  } catch {
    return false;
  }
}
