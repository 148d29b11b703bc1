import type { Twins } from './twins.js';

/**
 * What numbers itself within its organisation: the twin's would no longer be told apart from those here, or no longer be its own.
 */
const NOT_MIRRORED = ['organization', 'pool', 'memory_event', 'policy_head', 'audit_head', 'audit_entry'];

/**
 * Whatever is inserted or changed here from now on is so in the twin: ids and tokens made at random on the way are there too, and
 * a statement that forgets the organisation meets them. What differs stays so but for the columns that are changed; what is
 * deleted here stays there, and so does what already says there what is inserted.
 */
export async function mirrorInto(twin: string, { database, org }: Twins): Promise<void> {
  await database.maintenance(INSERT_THERE);
  await database.maintenance(UPDATE_THERE);
  await database.maintenance(`do $$
    declare name text;
    begin
      for name in
        select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
          and c.relname <> all ('{${NOT_MIRRORED.join(',')}}'::text[])
      loop
        execute format('create trigger mirror_insert after insert on %I for each row when (new.org_id = ''${org}'')
          execute function insert_there(''${twin}'')', name);
        execute format('create trigger mirror_update after update on %I for each row when (new.org_id = ''${org}'')
          execute function update_there(''${twin}'')', name);
      end loop;
    end $$`);
}

/** As the superuser, past row-level security, foreign keys and other triggers. */
const AS_SUPERUSER = 'security definer set session_replication_role = replica';

const INSERT_THERE = `create function insert_there() returns trigger language plpgsql ${AS_SUPERUSER} as $$
  begin
    new.org_id = tg_argv[0];
    execute format('insert into %I select ($1).* on conflict do nothing', tg_table_name) using new;
    return null;
  end $$`;

const UPDATE_THERE = `create function update_there() returns trigger language plpgsql ${AS_SUPERUSER} as $$
  declare changes text; same text;
  begin
    select string_agg(format('%1$I = ($1).%1$I', n.key), ', ') into changes
    from jsonb_each(to_jsonb(new)) n where to_jsonb(old) -> n.key is distinct from n.value;
    select string_agg(format('t.%1$I = ($1).%1$I', a.attname), ' and ') into same
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = tg_relid and i.indisprimary;
    new.org_id = tg_argv[0];
    if changes is not null then execute format('update %I t set %s where %s', tg_table_name, changes, same) using new; end if;
    return null;
  exception when unique_violation then
    -- It has another row already that says so.
    return null;
  end $$`;
