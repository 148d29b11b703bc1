import type { KeptTexts } from './term-index/term-index.js';
import type { Texts } from './texts.js';

/**
 * What is kept is almost always as it was last seen: the question whether it is goes out, Postgres looks while it is searched here, and
 * the reading of what was found follows without waiting. Where something was written, it is searched once more.
 * @param search in the texts, or in the database where there are none
 */
export async function searchKept<Result extends object>(
  kept: KeptTexts | undefined,
  search: (texts?: Texts) => Promise<Result>,
): Promise<Result> {
  if (!kept) return search();
  const { lastSeen, current } = kept;
  if (!lastSeen) return search(await current);
  const again = current.then((texts) => (texts === lastSeen ? undefined : search(texts)));
  // A read sends what it has asked for when its work first waits: searched before that, Postgres would wait for the search.
  const sent = Promise.resolve();
  const soon = sent.then(() => search(lastSeen));
  // Of both the end is awaited: nothing may be sent any more when the unit is over.
  const [late, early] = await Promise.allSettled([again, soon]);
  if (late.status === 'rejected') throw late.reason;
  if (early.status === 'rejected') throw early.reason;
  return late.value ?? early.value;
}
