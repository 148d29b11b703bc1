const DAY_MS = 86_400_000;

/** The clock that age decisions read; `offsetDays` shifts it for tests and rehearsals. Access never reads it: expiry is on the database's clock. */
export class Clock {
  constructor(private readonly offsetDays = 0) {}

  now(): Date {
    return new Date(Date.now() + this.offsetDays * DAY_MS);
  }
}
