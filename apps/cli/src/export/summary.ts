import { hiddenOf, type ListedMemory } from './exported-memory.js';

/** What an export has done so far. */
export class ExportSummary {
  exported = 0;
  /** Left out, because the policy hides their content. */
  withoutContent = 0;
  /** Exported without a field that the policy hides. */
  incomplete = 0;
  interrupted = false;
  readonly hiddenFields = new Set<string>();

  count(memory: ListedMemory, isExported: boolean): void {
    if (!isExported) {
      this.withoutContent++;
      return;
    }
    this.exported++;
    const hidden = hiddenOf(memory);
    if (hidden.length > 0) this.incomplete++;
    for (const field of hidden) this.hiddenFields.add(field);
  }

  /** 130 when interrupted, as a shell counts it. */
  get exitCode(): number {
    return this.interrupted ? 130 : 0;
  }

  lines(): string[] {
    if (this.interrupted) return ['Interrupted; nothing is exported.'];
    const skipped = `${this.withoutContent} left out: the policy hides their content from this key.`;
    const fields = [...this.hiddenFields].sort().join(', ');
    const hidden = `${this.incomplete} without what the policy hides from this key: ${fields}.`;
    return [
      `${this.exported} memories exported, oldest first.`,
      ...(this.withoutContent > 0 ? [skipped] : []),
      ...(this.incomplete > 0 ? [hidden] : []),
    ];
  }
}
