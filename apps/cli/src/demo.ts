import { readConfig } from '#platform';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openBroker } from '../../api/src/broker.js';
import { listen } from '../../api/src/main.js';
import { createLogger } from '../../api/src/telemetry/logger.js';
import { demoExitCode, runDemo } from './demo/run-demo.js';
import { told } from './fail.js';

/** On the named broker, or on one of its own in a folder that is removed afterwards. */
export async function demo({ url, key }: { url?: string; key?: string }): Promise<void> {
  if (url) {
    if (!key) throw told('--key: give the key of an admin of that broker, or set COMMONPLACE_KEY');
    process.exitCode = demoExitCode(await runDemo({ url, adminKey: key }));
    return;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-demo-'));
  const config = readConfig({ PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn' });
  const logger = createLogger(config.logLevel);
  const broker = await openBroker({ config, onError: (where, error) => logger.warn({ err: error }, where) });
  const api = await listen(config, logger, broker);
  try {
    process.exitCode = demoExitCode(await runDemo({ url: `${api.url}/graphql`, adminKey: broker.adminKey as string }));
  } finally {
    await api.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
