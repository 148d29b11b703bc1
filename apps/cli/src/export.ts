import { exportMemories, type ExportOptions } from './export/export-memories.js';

export async function runExport(options: ExportOptions): Promise<void> {
  process.exitCode = (await exportMemories(options)).exitCode;
}
