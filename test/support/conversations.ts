import type { TestClient } from './api.js';
import type { ChatRequest } from './chat-server.js';

export interface ShownExtraction {
  id: string;
  status: string;
  attempts: number;
  turnsRead: number;
  refused: number;
  error: string | null;
  turns: { id: string; content: string }[];
  derived: Learnt[];
  superseded: { id: string; status: string; supersededBy: { id: string } | null }[];
}

export interface Learnt {
  id: string;
  content: string;
  type: string;
  status: string;
  pool: { key: string };
  author: { id: string } | null;
  entityId: string | null;
  sessionId: string | null;
  derivedFrom: { id: string }[];
}

export const EXTRACTION = `id status attempts turnsRead refused error turns { id content }
  derived { id content type status pool { key } author { id } entityId sessionId derivedFrom { id } }
  superseded { id status supersededBy { id } }`;

export const CONVERSE = `mutation ($input: MemorizeConversationInput!) { memorizeConversation(input: $input) {
  results { outcome memory { id content type status speaker sessionId entityId metadata validFrom } } extraction { ${EXTRACTION} } } }`;

export interface Conversed {
  results: { outcome: string; memory: { id: string; content: string; [field: string]: unknown } }[];
  extraction: ShownExtraction;
}

export const said = (role: string, content: string, rest: object = {}) => ({ role, content, ...rest });

export async function converse(client: TestClient, messages: object[], rest: object = {}): Promise<Conversed> {
  const input = { messages, ...rest };
  return (await client.ask<{ memorizeConversation: Conversed }>(CONVERSE, { input })).memorizeConversation;
}

export async function extraction(client: TestClient, id: string): Promise<ShownExtraction | null> {
  const query = `query ($id: ID!) { extraction(id: $id) { ${EXTRACTION} } }`;
  return (await client.ask<{ extraction: ShownExtraction | null }>(query, { id })).extraction;
}

export const RETRY = `mutation ($id: ID!) { retryExtraction(id: $id) { ${EXTRACTION} } }`;

/** Once the extraction is as it should be, or as it is after a time that is long for a queue that looks every two seconds. */
export async function settled(
  client: TestClient,
  id: string,
  isThere: (shown: ShownExtraction) => boolean = ({ status }) => status !== 'QUEUED',
): Promise<ShownExtraction> {
  for (let n = 0; ; n++) {
    const shown = (await extraction(client, id)) as ShownExtraction;
    if (isThere(shown) || n === 300) return shown;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the model was shown: of each turn and of each memory the name, by what it says. */
export function shownTo(request: ChatRequest): {
  turns: [name: string, text: string][];
  known: [name: string, text: string][];
} {
  const text = request.messages.at(-1)?.content ?? '';
  const [known, turns] = text.split('\n# TURNS\n') as [string, string];
  const entries = (part: string) =>
    [...part.matchAll(/^([TM]\d+) \([^)]*\)\n((?: {2}.*\n?)*)/gm)].map(([, name, body]): [string, string] => [
      name as string,
      (body as string).replace(/^ {2}/gm, '').trim(),
    ]);
  return { turns: entries(turns ?? ''), known: entries(known) };
}

export interface Suggests {
  type?: string;
  content: string;
  importance?: string;
  /** Of which turns and memories, by a word in them. */
  of?: string;
  instead?: string;
}

/** A model that suggests what it is told to, by the names that it was shown. */
export const suggesting =
  (...suggestions: Suggests[]) =>
  (request: ChatRequest): object => {
    const { turns, known } = shownTo(request);
    const name = (list: [string, string][], word: string) => list.find(([, text]) => text.includes(word))?.[0];
    return {
      memories: suggestions.map(({ type = 'DECLARATIVE', content, importance = 'MEDIUM', of = '', instead }) => ({
        type,
        content,
        importance,
        turns: [name(turns, of) ?? 'T1'],
        supersedes: instead === undefined ? null : (name(known, instead) ?? null),
      })),
    };
  };
