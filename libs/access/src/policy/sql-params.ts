import { type KnownRows } from './known-rows.js';

export type SqlType =
  | 'text'
  | 'text[]'
  | 'uuid'
  | 'uuid[]'
  | 'smallint'
  | 'smallint[]'
  | 'integer'
  | 'integer[]'
  | 'bigint'
  | 'bigint[]'
  | 'double precision'
  | 'boolean'
  | 'bytea'
  | 'jsonb'
  | 'timestamptz'
  | 'timestamptz[]'
  | 'tsquery'
  | 'halfvec';

/** Collects the bind values of one SQL statement. A value that comes back gets the placeholder it has already. */
export class SqlParams {
  readonly values: unknown[] = [];
  private readonly placeholders = new Map<SqlType, Map<unknown, string>>();

  constructor(
    /** The rows that the statement asks about, where they are known: of others a policy's long lists may then hide more. */
    readonly rows?: KnownRows,
  ) {}

  /** Returns the placeholder with its cast, such as `$3::text`. Lists are told apart by identity: never change one that was added. */
  add(value: unknown, type: SqlType): string {
    let ofType = this.placeholders.get(type);
    if (!ofType) this.placeholders.set(type, (ofType = new Map<unknown, string>()));
    let placeholder = ofType.get(value);
    if (placeholder === undefined) {
      placeholder = `$${this.values.push(value)}::${type}`;
      ofType.set(value, placeholder);
    }
    return placeholder;
  }
}
