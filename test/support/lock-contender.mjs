// A process that takes the lock of a folder whenever its parent says so, and ends with it.
import { DataDirLock } from '../../dist/libs/platform/src/database/data-dir-lock.js';

process.on('disconnect', () => process.exit(0));
process.on('message', ({ folder, at }) => {
  while (Date.now() < at);
  try {
    DataDirLock.acquire(folder);
    process.send?.('taken');
  } catch (error) {
    process.send?.(String(error));
  }
});
process.send?.('ready');
