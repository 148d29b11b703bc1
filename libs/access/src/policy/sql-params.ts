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
  private readonly known = new Map<SqlType, Map<unknown, string>>();

  /** Returns the placeholder with its cast, such as `$3::text`. Lists are told apart by identity: never change one that was added. */
  add(value: unknown, type: SqlType): string {
    let ofType = this.known.get(type);
    if (!ofType) this.known.set(type, (ofType = new Map<unknown, string>()));
    let placeholder = ofType.get(value);
    if (placeholder === undefined) {
      placeholder = `$${this.values.push(value)}::${type}`;
      ofType.set(value, placeholder);
    }
    return placeholder;
  }
}
