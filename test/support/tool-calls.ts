import { expect } from '@jest/globals';
import type { TestClient } from './api.js';

export const CALL =
  'mutation ($name: String!, $given: JSONObject!) { callTool(name: $name, arguments: $given) { content isError } }';

export interface ToolResult {
  content: string;
  isError: boolean;
}

/** A tool's answer by callTool, a failure too. */
export async function call(client: TestClient, name: string, given: unknown): Promise<ToolResult> {
  return (await client.ask<{ callTool: ToolResult }>(CALL, { name, given })).callTool;
}

/** What it told, where it did not fail. */
export async function done(client: TestClient, name: string, given: Record<string, unknown>): Promise<string> {
  const result = await call(client, name, given);
  expect(result).toEqual({ content: expect.any(String), isError: false });
  return result.content;
}
