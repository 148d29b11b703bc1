import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

/**
 * JSON lines on stderr, or readable ones on a terminal. Nothing that a client sent is logged at info: no content, no query
 * text, no key.
 */
export function createLogger(level: string): Logger {
  const options = {
    level,
    serializers: { err: withoutValues },
    redact: [
      'authorization',
      '*.authorization',
      'headers.authorization',
      'req.headers.authorization',
      'secret',
      '*.secret',
    ],
  };
  if (!process.stderr.isTTY) return pino(options, pino.destination({ fd: 2, sync: true }));
  return pino(options, pretty({ destination: 2, ignore: 'pid,hostname', sync: true }));
}

interface LoggedError {
  type: string;
  message: string;
  code?: unknown;
  table?: unknown;
  constraint?: unknown;
  stack: string[];
  cause?: LoggedError;
}

/** A failure without what a client sent: drivers put parameters and rows into their errors, and quote values in messages. */
export function withoutValues(error: unknown): LoggedError | string {
  if (!(error instanceof Error)) return typeof error;
  const { code, table, constraint } = error as { code?: unknown; table?: unknown; constraint?: unknown };
  const stack = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim());
  const cause = error.cause instanceof Error ? (withoutValues(error.cause) as LoggedError) : undefined;
  return {
    type: error.name,
    message: unquoted(error.message),
    ...(code !== undefined && { code }),
    ...(table !== undefined && { table }),
    ...(constraint !== undefined && { constraint }),
    stack,
    ...(cause && { cause }),
  };
}

const MAX_MESSAGE = 300;

function unquoted(message: string): string {
  return message.slice(0, MAX_MESSAGE).replace(/"[^"]*("|$)|'[^']*('|$)|\{[^}]*(\}|$)/g, '…');
}

/** Nest's own talk while it starts is for those who debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  /** @param details a stack, and last the context */
  error(message: unknown, ...details: unknown[]): void {
    const [context, stack] = details.reverse();
    // What keeps the application from starting is thrown as well, and told by whoever started it.
    if (context === 'NestApplication') this.logger.debug({ context, stack }, String(message));
    else this.logger.error({ context, stack }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  debug(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }

  verbose(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }
}
