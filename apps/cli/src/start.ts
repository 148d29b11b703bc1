import { readConfig, type Config } from '#platform';
import fs from 'node:fs';
import path from 'node:path';
import { openBroker, type Broker } from '../../api/src/broker.js';
import { createLogger } from '../../api/src/telemetry/logger.js';
import { told } from './fail.js';

const DRAIN_MS = 9_000;
/** How long /readyz says 503 before the port is closed. */
const NOTICE_MS = 500;

/** Serves until SIGTERM or SIGINT, then drains and exits 0 within ten seconds. */
export async function start(): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config.logLevel);
  const onError = (where: string, error: unknown) => logger.warn({ err: error }, `${where} failed and goes on`);
  // The database opens in its own thread while this one loads the web framework: a fifth of the time until ready.
  const onProgress = (what: string, details: object) => logger.info(details, what);
  const opening = openBroker({ config, onError, onProgress });
  opening.catch(() => undefined);
  const { listen } = await import('../../api/src/main.js');
  const broker = await opening;
  tellKey(broker, config);
  const api = await listen(config, logger, broker).catch(async (error: NodeJS.ErrnoException) => {
    await broker.close();
    throw whyNotHere(error.code, config.http) ?? error;
  });
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info(`${signal}: draining`);
    setTimeout(() => {
      logger.warn('draining took too long; what was under way is cut off');
      process.exit(0);
    }, DRAIN_MS).unref();
    api.close(NOTICE_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'closing failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Told last: whoever waits for it may send the signal at once.
  logger.info({ url: api.url, database: api.broker.database.kind }, `ready on ${api.url}`);
}

function whyNotHere(code: string | undefined, { host, port }: Config['http']): Error | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return told(`PORT: ${port} on ${host} is taken by another process. Stop it, or choose another PORT.`);
    case 'EACCES':
      return told(`PORT: ${port} may not be used by this user. Choose one above 1023.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return told(
        `HOST: ${host} is no address of this machine. Choose 127.0.0.1, or 0.0.0.0 for all of its addresses.`,
      );
    default:
      return undefined;
  }
}

/** The only time that the key can be read: printed once, and kept where only this user reads. */
function tellKey({ adminKey }: Broker, { bootstrapKey, database }: Config): void {
  if (adminKey === null || bootstrapKey !== undefined) return;
  const file = path.join(database.dataDir, 'admin.key');
  const kept = keep(adminKey, file)
    ? `also kept in ${file}`
    : `shown this once, for ${file} cannot be written; keep it`;
  process.stdout.write(`\nThe admin's key, ${kept}:\n\n  ${adminKey}\n\n`);
}

function keep(adminKey: string, file: string): boolean {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.rmSync(file, { force: true }); // One that is there would keep its mode.
    fs.writeFileSync(file, `${adminKey}\n`, { mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}
