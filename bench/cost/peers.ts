import type { Scope } from './corpus.js';
import { fillLanggraph, openLanggraph } from './langgraph.repository.js';
import { ALL_INDEXED, copyIndexed, fillMem0, INDEXED, openMem0, PLAIN, type Mem0Options } from './mem0.repository.js';
import { isThere, open, type Found } from './peer.js';
import { RawConnections } from './raw.repository.js';

export interface Peers {
  found: Found[];
  close: () => Promise<void>;
}

/** A Memory for each client. */
export const MEM0 = 'mem0ai';
/** One Memory, and so one connection, for all that a process does: its writes wait for each other. */
export const MEM0_SHARED = 'mem0ai, one Memory for all';
export const MEM0_NO_HISTORY = 'mem0ai without its history';
export const MEM0_INDEXED = 'mem0ai with indexes';
/** And with one on its text, of which its searches make use as well. */
const MEM0_ALL_INDEXED = 'mem0ai with three indexes';
const LANGGRAPH = 'LangGraph PostgresStore';

/** As it comes, with its history in SQLite, which is written and not searched; on the database of the others, which has its table. */
export const openWriters = (url: string, clients: number): Promise<Found[]> =>
  Promise.all([
    mem0(MEM0_SHARED, { url, collection: PLAIN, memories: 1, history: true }),
    mem0(MEM0, { url, collection: PLAIN, memories: clients, history: true }),
  ]);

const mem0 = (name: string, options: Omit<Mem0Options, 'name'>): Promise<Found> =>
  open(name, () => openMem0({ name, ...options }));

/** All peers with the same memories, on a database of their own. */
export async function openPeers(url: string, clients: number, scopes: readonly Scope[]): Promise<Peers> {
  const raw = await RawConnections.open(url, 1);
  try {
    const own = { url, memories: clients, history: false };
    const plain = await mem0(MEM0, { ...own, collection: PLAIN });
    if (isThere(plain)) {
      await fillMem0(plain, scopes, clients);
      await copyIndexed(raw, INDEXED, false);
      await copyIndexed(raw, ALL_INDEXED, true);
    }
    const indexed = await mem0(MEM0_INDEXED, { ...own, collection: INDEXED });
    const allIndexed = await mem0(MEM0_ALL_INDEXED, { ...own, collection: ALL_INDEXED });
    const langgraph = await open(LANGGRAPH, () => openLanggraph(LANGGRAPH, url, clients));
    if (isThere(langgraph)) await fillLanggraph(raw, scopes);
    await raw.query({ text: 'vacuum analyze' });
    const found = [plain, indexed, allIndexed, langgraph];
    return {
      found,
      close: async () => {
        for (const peer of found.filter(isThere)) await peer.close();
      },
    };
  } finally {
    await raw.close();
  }
}
