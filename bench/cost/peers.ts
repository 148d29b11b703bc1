import type { Scope } from './corpus.js';
import { fillLanggraph, openLanggraph } from './langgraph.repository.js';
import { ALL_INDEXED, copyIndexed, fillMem0, INDEXED, openMem0, PLAIN } from './mem0.repository.js';
import { isThere, open, type Found } from './peer.js';
import { RawConnections } from './raw.repository.js';

export interface Peers {
  found: Found[];
  close: () => Promise<void>;
}

export const MEM0 = 'mem0ai';
/** One Memory, and so one connection, for all that a process does: its writes wait for each other. */
export const MEM0_SHARED = 'mem0ai, one Memory for all';
export const MEM0_INDEXED = 'mem0ai with indexes';
/** And with one on its text, of which its searches make use as well. */
const MEM0_ALL_INDEXED = 'mem0ai with three indexes';
const LANGGRAPH = 'LangGraph PostgresStore';

/** On the database of the others, which have made its table. */
export const openSharedMem0 = (url: string): Promise<Found> =>
  open(MEM0_SHARED, () => openMem0(MEM0_SHARED, url, PLAIN, 1));

/** All peers with the same memories, on a database of their own. */
export async function openPeers(url: string, clients: number, scopes: readonly Scope[]): Promise<Peers> {
  const raw = await RawConnections.open(url, 1);
  try {
    const plain = await open(MEM0, () => openMem0(MEM0, url, PLAIN, clients));
    if (isThere(plain)) {
      await fillMem0(plain, scopes, clients);
      await copyIndexed(raw, INDEXED, false);
      await copyIndexed(raw, ALL_INDEXED, true);
    }
    const indexed = await open(MEM0_INDEXED, () => openMem0(MEM0_INDEXED, url, INDEXED, clients));
    const allIndexed = await open(MEM0_ALL_INDEXED, () => openMem0(MEM0_ALL_INDEXED, url, ALL_INDEXED, clients));
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
