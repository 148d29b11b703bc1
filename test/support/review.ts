import type { TestClient } from './api.js';

export const REVIEW = `mutation ($id: ID!, $approve: Boolean!, $comment: String) {
  review(id: $id, approve: $approve, comment: $comment) {
    id status content version reviewed { approved comment at reviewer { id } } history { version }
  }
}`;
export const PROMOTE = `mutation ($id: ID!, $toPool: String!) {
  promote(id: $id, toPool: $toPool) {
    outcome indexed
    memory { id status content type entityId labels metadata pool { key } author { id } derivedFrom { id } }
  }
}`;

export interface Reviewed {
  id: string;
  status: string;
  content: string | null;
  version: number;
  reviewed: { approved: boolean; comment: string | null; reviewer: { id: string } } | null;
  history: { version: number }[];
}

export interface Promoted {
  outcome: string;
  memory: {
    id: string;
    status: string;
    content: string;
    entityId: string | null;
    labels: string[] | null;
    metadata: unknown;
    pool: { key: string };
    author: { id: string };
    derivedFrom: { id: string }[];
  };
}

export async function review(client: TestClient, id: string, approve: boolean, comment?: string): Promise<Reviewed> {
  return (await client.ask<{ review: Reviewed }>(REVIEW, { id, approve, comment })).review;
}

export async function promote(client: TestClient, id: string, toPool: string): Promise<Promoted> {
  return (await client.ask<{ promote: Promoted }>(PROMOTE, { id, toPool })).promote;
}
