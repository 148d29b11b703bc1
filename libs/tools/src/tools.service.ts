import type { Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { parseArguments } from './arguments.js';
import { DoneInPart, toldFailure } from './failures.js';
import { quoted } from './quoted.js';
import { ToolRefusal, type ToolServices } from './tool.js';
import { CALLABLE, TOOLS } from './tools.js';

/** What a model is told. */
export interface ToolResult {
  content: string;
  isError: boolean;
}

/** Runs a tool for a caller, whatever wire the call came by. */
export class ToolsService {
  constructor(private readonly services: ToolServices) {}

  /**
   * What the model can mend is answered as a result that says how.
   * @throws UNAUTHENTICATED, and what is no failure of the caller's.
   */
  async call(caller: Principal, name: unknown, given: unknown): Promise<ToolResult> {
    const tool = CALLABLE.find((one) => one.name === name);
    if (!tool) {
      const names = TOOLS.map((one) => one.name).join(', ');
      return { content: `There is no tool ${quoted(String(name))}. There are: ${names}.`, isError: true };
    }
    try {
      return { content: await tool.run(this.services, caller, parseArguments(tool, given)), isError: false };
    } catch (error) {
      if (error instanceof ToolRefusal) return { content: error.message, isError: true };
      if (!(error instanceof CommonplaceError || error instanceof DoneInPart)) throw error;
      const content = toldFailure(error);
      if (content === undefined) throw error instanceof DoneInPart ? error.failure : error;
      return { content, isError: true };
    }
  }
}
