export * from './config/config.js';
export { binaryArray } from './database/binary-array.js';
export * from './database/database.js';
export { DataDirLock, DataDirLockedError } from './database/data-dir-lock.js';
export { CREDENTIAL_ENDED, LOCK_NOT_AVAILABLE, STALE_ACCESS, sqlState, UNIQUE_VIOLATION } from './database/failures.js';
export { Pipeline } from './database/pipeline.js';
export { openDoorbell, type Doorbell, type DoorbellOptions } from './doorbell/doorbell.js';
export { JobQueue } from './jobs/job-queue.js';
export { Rounds } from './jobs/rounds.js';
