import type { AccessService, DirectoryService, Principal } from '#access';
import type {
  ExplainService,
  ForgetService,
  MemoriesService,
  MemorizeService,
  RecallService,
  ReviseService,
} from '#memory';
import { z } from 'zod';

/** What the tools are made of: the services behind GraphQL, so that the policy is the same behind both. */
export interface ToolServices {
  access: AccessService;
  directory: DirectoryService;
  explain: ExplainService;
  forget: ForgetService;
  memories: MemoriesService;
  memorize: MemorizeService;
  recall: RecallService;
  revise: ReviseService;
}

/** What a program may assume of a tool before it asks its user; the words are MCP's. */
export interface ToolHints {
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
}

/** A tool as it is declared; its arguments are known to `run` alone. */
export interface Tool {
  name: string;
  title: string;
  description: string;
  hints: ToolHints;
  arguments: z.ZodObject;
  /** @param given arguments that `arguments` has let through */
  run: (services: ToolServices, caller: Principal, given: unknown) => Promise<string>;
}

/** What a tool answers where it could not do what was asked, in words of its own. */
export class ToolRefusal extends Error {}

interface ToolOf<Shape extends z.ZodRawShape> extends Omit<Tool, 'arguments' | 'run'> {
  arguments: Shape;
  run: (
    services: ToolServices,
    caller: Principal,
    given: z.output<z.ZodObject<Shape, z.core.$strict>>,
  ) => Promise<string>;
}

/** The arguments stand in one place: what a model is shown, what is checked and what `run` is given are made of it. */
export function tool<Shape extends z.ZodRawShape>({ arguments: shape, run, ...rest }: ToolOf<Shape>): Tool {
  return { ...rest, arguments: z.strictObject(shape), run: run as Tool['run'] };
}

export const READS: ToolHints = { readOnlyHint: true, destructiveHint: false, idempotentHint: true };
