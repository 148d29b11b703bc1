import { readFeedEpoch, renewFeedEpoch } from '#access';
import { readConfig, type Config } from '#platform';
import { createInterface } from 'node:readline';
import { openDatabase } from '../../api/src/broker.js';
import { told } from './fail.js';

export interface RenewEpochOptions {
  yes?: boolean;
  dryRun?: boolean;
}

/** With the embedded database the broker must be stopped first: its folder has one user at a time. */
export async function renewEpoch({ yes = false, dryRun = false }: RenewEpochOptions): Promise<void> {
  const config = readConfig();
  const database = await openDatabase(config);
  try {
    if (await database.hasPendingMigrations())
      throw told('the database waits for migrations: run `commonplace migrate` first');
    const { organization, epoch } = await readFeedEpoch(database);
    console.log(
      `The feed of the organisation ${organization} in ${placeOf(config)} is in the epoch ${epoch}.
Under a new one every cursor that was handed out before is answered CURSOR_EXPIRED: its subscriber lists the memories again,
and goes on from a new feedCursor. Memories, policies and keys stay as they are.`,
    );
    if (dryRun) return console.log('Nothing was changed: this was a dry run.');
    if (!yes) await askToGoOn();
    const renewed = await renewFeedEpoch(database);
    console.log(`The new epoch is ${renewed.epoch}.`);
  } finally {
    await database.close();
  }
}

/** Never with the password that stands in the URL. */
function placeOf({ database: { url, dataDir } }: Config): string {
  if (url === undefined) return dataDir;
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** @throws told, unless somebody answers yes. */
async function askToGoOn(): Promise<void> {
  if (!process.stdin.isTTY) throw told('nothing was changed: there is nobody to ask, so say --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await new Promise<string>((resolve) => {
    terminal.on('close', () => resolve(''));
    terminal.question('Renew it? Type yes: ', resolve);
  });
  terminal.close();
  if (answer.trim() !== 'yes') throw told('nothing was changed');
}
