/** Each costs every connection memory, and nothing lets go of one again. */
const MAX_KEPT = 100;
const names = new Map<string, string>();

/** The name under which connections keep the plan of a text; undefined when there are too many texts already. */
export function keptName(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= MAX_KEPT) return known;
  const name = `kept_${names.size}`;
  names.set(text, name);
  return name;
}
