/** What a check found: figures of all that was looked at, and each thing that must not be. */
export class Verdict {
  constructor() {
    /** @type {{ kind: string, what: string }[]} */
    this.violations = [];
    /** @type {Map<string, number>} */
    this.figures = new Map();
  }

  /** @param {string} kind @param {string} what */
  violation(kind, what) {
    this.violations.push({ kind, what });
  }

  /** @param {string} name */
  count(name, by = 1) {
    this.figures.set(name, (this.figures.get(name) ?? 0) + by);
  }

  /** @param {string} name */
  figure(name) {
    return this.figures.get(name) ?? 0;
  }

  /** How often each kind was found. */
  get kinds() {
    /** @type {Record<string, number>} */
    const kinds = {};
    for (const { kind } of this.violations) kinds[kind] = (kinds[kind] ?? 0) + 1;
    return kinds;
  }
}
