/** Why one line cannot become a memory; the import counts it and goes on. */
export class LineProblem extends Error {
  constructor(
    message: string,
    readonly code = 'BAD_INPUT',
  ) {
    super(message);
    this.name = 'LineProblem';
  }
}

/** Why the import as a whole cannot begin or go on: a plain sentence for whoever typed the command. */
export class ImportProblem extends Error {
  /** The message is all that an operator needs. */
  readonly told = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImportProblem';
  }
}
