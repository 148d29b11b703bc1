import { LIMITS } from '#memory';
import { CommonplaceError } from '#kernel';
import { z } from 'zod';
import { oneOf, text, wholeNumber } from '../arguments.js';
import type { TreeCommand } from '../memory-tree/commands.js';
import { StoredTree } from '../memory-tree/stored-tree.js';
import { tool, ToolRefusal } from '../tool.js';

const COMMANDS = {
  view: ['path'],
  create: ['path', 'file_text'],
  str_replace: ['path', 'old_str', 'new_str'],
  insert: ['path', 'insert_line', 'insert_text'],
  delete: ['path'],
  rename: ['old_path', 'new_path'],
} as const satisfies Record<TreeCommand['command'], readonly string[]>;

const path = (description: string) => text(1_000, description).optional();
const anyText = (description: string) =>
  z
    .string({ error: 'must be text' })
    .refine((value) => [...value].length <= LIMITS.content, `is too long: at most ${LIMITS.content} characters`)
    .meta({ description, maxLength: LIMITS.content })
    .optional();

/** Anthropic's memory_20250818, which models know without being told: it is not among the definitions. */
export const memory = tool({
  name: 'memory',
  title: 'Memory',
  description: 'A tree of files below /memories that is your own, kept in your private pool.',
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
  arguments: {
    command: oneOf(Object.keys(COMMANDS) as [string, ...string[]], 'What is done.'),
    path: path('Below /memories.'),
    old_path: path('What is renamed.'),
    new_path: path('To what.'),
    file_text: anyText('The whole text of a new file.'),
    old_str: anyText('What is replaced; it must be there once.'),
    new_str: anyText('By what.'),
    insert_line: wholeNumber(0, 1_000_000, 'After which line; 0: before the first.').optional(),
    insert_text: anyText('What is inserted.'),
    view_range: z
      .array(z.int({ error: 'must be two whole numbers' }), { error: 'must be two whole numbers' })
      .length(2, 'must be two whole numbers')
      .meta({ description: 'The first and the last line; -1: to the end.' })
      .optional(),
  },
  async run(services, caller, given) {
    // As the SDK has it, a replacement that is left out is nothing.
    const command = { new_str: '', ...given } as unknown as TreeCommand & Record<string, unknown>;
    const missing = COMMANDS[command.command].find((name) => command[name] === undefined);
    if (missing) throw new CommonplaceError('BAD_INPUT', `${missing}: is missing`, { field: missing });
    const { told, isError } = await new StoredTree(services, caller).run(command);
    if (isError) throw new ToolRefusal(told);
    return told;
  },
});
