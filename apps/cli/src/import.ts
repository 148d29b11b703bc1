import { importFile, type ImportOptions } from './import/import-file.js';
import { importExitCode } from './import/summary.js';

export async function runImport(file: string, options: Omit<ImportOptions, 'file'>): Promise<void> {
  process.exitCode = importExitCode(await importFile({ ...options, file }));
}
