import { verifyAudit, type Anchor } from '#access';
import { readConfig } from '#platform';
import { SingleBar } from 'cli-progress';
import { openDatabase } from '../../api/src/broker.js';
import { told } from './fail.js';

/** Reads the database itself, for a broker could tell anything. With the embedded one the broker must be stopped first. */
export async function auditVerify(anchorTexts: readonly string[]): Promise<void> {
  const anchors = anchorTexts.map(parseAnchor);
  const database = await openDatabase(readConfig());
  const bar = new SingleBar({ format: 'entries {bar} {value}/{total}', noTTYOutput: false, stream: process.stderr });
  try {
    // Whoever looks changes nothing.
    if (await database.hasPendingMigrations())
      throw told('the database waits for migrations: run `commonplace migrate` first');
    bar.start(0, 0);
    const { problem, end } = await verifyAudit(database, anchors, (checked, of) => {
      bar.setTotal(of);
      bar.update(checked);
    });
    bar.stop();
    const last = `${end.seq}:${end.hash.toString('hex')}`;
    if (problem) throw told(`the audit log is broken: ${problem}. The last sound entry is ${last}`);
    console.log(
      `The audit log is whole: ${end.seq} ${end.seq === 1 ? 'entry' : 'entries'}. Keep its end elsewhere, to verify from:\n\n  ${last}\n`,
    );
  } finally {
    bar.stop();
    await database.close();
  }
}

/** @throws told */
function parseAnchor(text: string): Anchor {
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined)
    throw told(
      `--anchor: ${JSON.stringify(text.slice(0, 80))} is not NUMBER:HASH, as this command and auditLog { seq hash } tell it`,
    );
  return { seq: Number(seq), hash: Buffer.from(hash, 'hex') };
}
