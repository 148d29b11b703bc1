import type { Json } from '#kernel';
import type { Unit } from '#platform';
import type { ConditionField } from '../policy/catalogue.js';

/** What the conditions of the active policy look at: memories that are alike in all of it are seen by the same callers. */
export interface ToldApart {
  fields: ReadonlySet<ConditionField>;
  /** In milliseconds, ascending: between two of them no condition tells one time from another. */
  moments: readonly number[];
}

const TIMES: readonly ConditionField[] = ['createdAt', 'validFrom'];

/** Of expired statements too, which is stricter than need be. */
const NAMED = `select named.key as field,
    coalesce(jsonb_agg(named.value) filter (where named.key = any($2::text[])), '[]') as tests
  from policy_head h
  join policy p on p.org_id = h.org_id and p.version = h.version
  cross join jsonb_array_elements(p.statements) s
  cross join lateral jsonb_each(case jsonb_typeof(s -> 'where') when 'object' then s -> 'where' else '{}' end) named
  where h.org_id = $1 group by named.key`;

export async function findToldApart(unit: Unit, orgId: string): Promise<ToldApart> {
  const rows = await unit.query<{ field: ConditionField; tests: Json[] }>({ text: NAMED, values: [orgId, TIMES] });
  const moments = rows.flatMap(({ tests }) => texts(tests)).map((text) => Date.parse(text));
  return {
    fields: new Set(rows.map(({ field }) => field)),
    moments: [...new Set(moments)].filter(Number.isFinite).sort((a, b) => a - b),
  };
}

/** Whatever the operators: `{"lt": "…"}`, `{"in": ["…", "…"]}`. */
function texts(value: Json): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(texts);
}
