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
  startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=32MB', '-c', 'max_connections=5', '-c', 'wal_buffers=1MB'],
  ...(dataDir ? { dataDir } : {}),
  ...(image ? { loadDataDir: new Blob([new Uint8Array(image)]) } : {}),
  extensions: { vector, btree_gin },
});

/** @param {Uint8Array} bytes */
const answer = (bytes) => port.postMessage({ type: 'data', bytes: bytes.slice() });

/** @type {Record<string, (message: { bytes: Uint8Array }) => Promise<void>>} */
const handlers = {
  data: async ({ bytes }) => {
    await db.runExclusive(() => db.execProtocolRawStream(bytes, { onRawData: answer }));
  },
  // The one session is handed from client to client: nothing of the last one may stay behind.
  reset: async () => {
    await db.exec('rollback');
    await db.exec('discard all');
  },
  dump: async () => {
    const blob = await db.dumpDataDir('none');
    port.postMessage({ type: 'dump', bytes: new Uint8Array(await blob.arrayBuffer()) });
  },
  close: async () => {
    await db.close();
    port.postMessage({ type: 'closed' });
    port.close();
  },
};

let last = Promise.resolve();
port.on('message', (message) => {
  last = last
    .then(() => handlers[message.type]?.(message))
    .catch((error) => port.postMessage({ type: 'error', message: String(error?.message ?? error) }));
});
port.postMessage({ type: 'ready' });
