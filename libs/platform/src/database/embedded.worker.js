// PGlite in a thread of its own, spoken to in Postgres' wire protocol: a heavy query then stalls the event loop of the
// server by tens of milliseconds instead of its whole length. Plain JavaScript, because a worker is loaded by Node
// itself, also where the rest runs from TypeScript sources under the tests' transformer.
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { vector } from '@electric-sql/pglite-pgvector';

if (!parentPort) throw new Error('embedded.worker.js is started as a worker thread');
const port = parentPort;

/** @type {{ dataDir?: string, image?: Uint8Array }} */
const { dataDir, image } = workerData;
const db = await PGlite.create({
  // One connection and small pools need no 128 MB of buffers: with 32 MB the idle process is 115 MB smaller.
  startParams: [
    ...PGlite.defaultStartParams,
    '-c',
    'shared_buffers=32MB',
    '-c',
    'max_connections=5',
    '-c',
    'wal_buffers=1MB',
  ],
  ...(dataDir ? { dataDir } : {}),
  ...(image ? { loadDataDir: new Blob([new Uint8Array(image)]) } : {}),
  extensions: { vector, btree_gin },
});

/** What ends every turn of the protocol: ReadyForQuery, five bytes long, with the state of the transaction behind it. */
const READY = [0x5a, 0, 0, 0, 5];

/** @typedef {{ session: number, bytes: Uint8Array, isTurn: boolean }} Data */

/** @type {Record<string, (message: Data) => Promise<void>>} */
const handlers = {
  data: async ({ session, bytes, isTurn }) => {
    let isReady = false;
    /** @param {Uint8Array} answer */
    const onRawData = (answer) => {
      isReady = READY.every((byte, place) => answer.at(place - 6) === byte);
      port.postMessage({ type: 'data', session, bytes: answer.slice() });
    };
    await db.runExclusive(() => db.execProtocolRawStream(bytes, { onRawData }));
    // As when a statement overflowed the stack: what is left of the database is not to be trusted, and a new one recovers.
    if (isTurn && !isReady) process.exit(1);
  },
  // The one session is handed from client to client: nothing of the last one may stay behind.
  reset: async () => {
    await db.exec('rollback');
    await db.exec('discard all');
  },
  dump: async () => {
    try {
      const blob = await db.dumpDataDir('none');
      port.postMessage({ type: 'dump', bytes: new Uint8Array(await blob.arrayBuffer()) });
    } catch (error) {
      port.postMessage({ type: 'failed', message: String(error) });
    }
  },
  close: async () => {
    await db.close();
    port.postMessage({ type: 'closed' });
    port.close();
  },
};

/** A failure here is the database's own, not a statement's, and nobody hears it: it ends the thread, and a new one recovers. */
let last = Promise.resolve();
port.on('message', (message) => {
  last = last.then(() => handlers[message.type]?.(message));
});
port.postMessage({ type: 'ready' });
