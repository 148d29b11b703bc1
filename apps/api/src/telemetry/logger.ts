import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

/**
 * JSON lines on stderr, or readable ones on a terminal. Nothing that a client sent is logged at info: no content, no query
 * text, no key.
 */
export function createLogger(level: string): Logger {
  const options = { level, redact: ['authorization', '*.authorization', 'headers.authorization', 'req.headers.authorization', 'secret', '*.secret'] };
  if (!process.stderr.isTTY) return pino(options, pino.destination({ fd: 2, sync: true }));
  return pino(options, pretty({ destination: 2, ignore: 'pid,hostname', sync: true }));
}

/** Nest's own talk while it starts is for those who debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error({ context, stack }, String(message));
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
