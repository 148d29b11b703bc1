import type { TestClient } from './api.js';

export interface Shown {
  id: string;
  status: string;
  content: string | null;
  importance: string;
}

export interface Change {
  place: number;
  kind: string;
  state: string;
  reason: string;
  text: string | null;
  before: Shown[];
  after: Shown | null;
}

export interface Run {
  id: string;
  status: string;
  mode: string;
  fallbacks: number;
  dryRun: boolean;
  summarized: number;
  merged: number;
  superseded: number;
  expired: number;
  boosted: number;
  faded: number;
  skipped: number;
  left: number;
  error: string | null;
  pool: { key: string };
  askedBy: { id: string } | null;
  changes: Change[];
}

const SHOWN = 'id status content importance';
const RUN = `id status mode fallbacks dryRun summarized merged superseded expired boosted faded skipped left error
  pool { key } askedBy { id } changes(first: 200) { place kind state reason text before { ${SHOWN} } after { ${SHOWN} } }`;

export const CONSOLIDATE = `mutation ($input: ConsolidateInput!) { consolidate(input: $input) { ${RUN} } }`;
export const UNDO = `mutation ($id: ID!) { undoConsolidation(id: $id) { ${RUN} } }`;
export const RUNS = `query ($pool: String, $first: Int) { consolidationRuns(pool: $pool, first: $first) { ${RUN} } }`;
export const ONE_RUN = `query ($id: ID!) { consolidationRun(id: $id) { ${RUN} } }`;

export async function consolidate(client: TestClient, input: Record<string, unknown>): Promise<Run> {
  return (await client.ask<{ consolidate: Run }>(CONSOLIDATE, { input })).consolidate;
}

export async function undo(client: TestClient, id: string): Promise<Run> {
  return (await client.ask<{ undoConsolidation: Run }>(UNDO, { id })).undoConsolidation;
}

export async function runsOf(client: TestClient, pool?: string): Promise<Run[]> {
  return (await client.ask<{ consolidationRuns: Run[] }>(RUNS, { pool })).consolidationRuns;
}

export async function runById(client: TestClient, id: string): Promise<Run | null> {
  return (await client.ask<{ consolidationRun: Run | null }>(ONE_RUN, { id })).consolidationRun;
}
