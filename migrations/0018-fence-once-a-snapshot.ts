import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;

/**
 * As 0001 made it, but looked up once a snapshot: a unit of work asks it in each of its statements, once for every table that
 * they read, and 21 µs each time were together some 4 % of a recall. Whoever commits changes the snapshots of all others, so that what
 * one of them showed of the same settings holds until the next one differs. What ends by the clock is asked of the clock.
 */
const FENCE = `
  create or replace function sec.fence() returns boolean
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
  declare
    asked text := concat_ws(' ', pg_current_snapshot(), current_setting('app.org', true), current_setting('app.key', true),
      current_setting('app.policy_version', true), current_setting('app.directory_version', true),
      current_setting('app.valid_until', true));
    head record;
    shown record;
    shown_key uuid;
    valid_until timestamptz;
  begin
    if current_setting('app.fenced', true) = asked
      and clock_timestamp() < nullif(current_setting('app.fenced_until', true), '')::timestamptz
    then
      return true;
    end if;
    shown_key := nullif(current_setting('app.key', true), '')::uuid;
    valid_until := nullif(current_setting('app.valid_until', true), '')::timestamptz;
    select h.version, h.directory_version into head from public.policy_head h where h.org_id = ${ORG};
    if not found
      or head.version is distinct from nullif(current_setting('app.policy_version', true), '')::integer
      or head.directory_version is distinct from nullif(current_setting('app.directory_version', true), '')::integer
      or valid_until <= clock_timestamp()
    then
      raise exception 'access was compiled from an older policy' using errcode = 'AB001';
    end if;
    if shown_key is not null then
      select k.expires_at into shown from public.api_key k
        where k.org_id = ${ORG} and k.key_id = shown_key and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > clock_timestamp());
      if not found then
        raise exception 'the key was revoked or has expired' using errcode = 'AB002';
      end if;
      valid_until := least(valid_until, shown.expires_at);
    end if;
    perform set_config('app.fenced_until', coalesce(valid_until, 'infinity')::text, true),
            set_config('app.fenced', asked, true);
    return true;
  end $$;`;

export class FenceOnceASnapshot0000000000018 implements MigrationInterface {
  name = 'FenceOnceASnapshot0000000000018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FENCE);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
