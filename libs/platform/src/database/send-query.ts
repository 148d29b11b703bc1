import pg from 'pg';

type Connection = object & { describe: (of: unknown) => void };
/** How the rows of a statement become objects: a part of pg's result. */
type Shape = Record<'fields' | '_parsers' | '_prebuiltEmptyResultObject', unknown>;

/** What pg's Query has that its types do not tell. */
interface Query {
  name: string | undefined;
  /** In milliseconds. */
  query_timeout: number;
  callback: (error: Error | null, result: pg.QueryResult) => void;
  _result: Shape;
  _accumulateRows: boolean;
  submit(connection: Connection): Error | null;
  handleRowDescription(description: unknown): void;
}

/** From a text: a configuration is copied property by property, which took 6 µs a statement. */
const PgQuery = pg.Query as unknown as new (text: string, values?: readonly unknown[]) => Query;

const shapes = new WeakMap<Connection, Map<string, Shape>>();
const withoutDescribe = new WeakMap<Connection, Connection>();

/**
 * Of a statement whose plan the connection keeps, Postgres is asked once what columns it answers: it refuses a plan whose columns
 * would be others by now. Described with each answer, the fifty columns of a recall took 4 % of its time.
 */
class QueryDescribedOnce extends PgQuery {
  private connection: Connection | undefined;

  override submit(connection: Connection): Error | null {
    this.connection = connection;
    const shape = this.name === undefined ? undefined : shapes.get(connection)?.get(this.name);
    if (!shape) return super.submit(connection);
    Object.assign(this._result, shape);
    this._accumulateRows = true;
    return super.submit(notAskedToDescribe(connection));
  }

  override handleRowDescription(description: unknown): void {
    super.handleRowDescription(description);
    if (this.name === undefined || !this.connection) return;
    const { fields, _parsers, _prebuiltEmptyResultObject } = this._result;
    let known = shapes.get(this.connection);
    if (!known) shapes.set(this.connection, (known = new Map()));
    known.set(this.name, { fields, _parsers, _prebuiltEmptyResultObject });
  }
}

/** The same connection; what is asked of it to describe is not sent. */
function notAskedToDescribe(connection: Connection): Connection {
  let other = withoutDescribe.get(connection);
  if (!other) {
    other = Object.create(connection, { describe: { value: () => undefined } }) as Connection;
    withoutDescribe.set(connection, other);
  }
  return other;
}

export interface ToSend {
  /** Under which the connection keeps its plan. */
  name?: string | undefined;
  text: string;
  values?: readonly unknown[] | undefined;
}

/** @param timeoutMs after which the connection is closed */
export function sendQuery<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  { name, text, values }: ToSend,
  timeoutMs: number,
): Promise<pg.QueryResult<Row>> {
  const answer = new Promise<pg.QueryResult<Row>>((resolve, reject) => {
    const query = new QueryDescribedOnce(text, values);
    query.name = name;
    query.query_timeout = timeoutMs;
    query.callback = (error, result) => (error ? reject(error) : resolve(result as pg.QueryResult<Row>));
    client.query(query as unknown as pg.Submittable);
  });
  return answer.catch((error: Error) => {
    // As pg does: the stack leads to who has asked, and not to the socket.
    Error.captureStackTrace(error);
    throw error;
  });
}
