import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A stream is read for all who see alike, and asks for no key of theirs: whatever ends a key, an administrator's statement
 * too, raises the directory's version, and with it the fence.
 */
const FUNCTION = `
  create function sec.key_ended() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    raised integer;
  begin
    update public.policy_head h set directory_version = h.directory_version + 1 where h.org_id = old.org_id
      returning h.directory_version into raised;
    -- The unit that ends the key goes on under the version that it makes.
    if current_setting('app.directory_version', true) = (raised - 1)::text then
      perform set_config('app.directory_version', raised::text, true);
    end if;
    return null;
  end $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.key_ended() owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on function sec.key_ended() from public;

  grant update (directory_version) on policy_head to commonplace_definer;
  create policy definer_update on policy_head for update to commonplace_definer using (true) with check (true);

  create trigger key_changed after update of revoked_at, expires_at on api_key for each row
    when (old.revoked_at is distinct from new.revoked_at or old.expires_at is distinct from new.expires_at)
    execute function sec.key_ended();
  create trigger key_deleted after delete on api_key for each row execute function sec.key_ended();`;

export class KeysThatEnd0000000000003 implements MigrationInterface {
  name = 'KeysThatEnd0000000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FUNCTION);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
