import { LIMITS } from '#memory';
import { memoryId, text } from '../arguments.js';
import { tool } from '../tool.js';

export const forget = tool({
  name: 'forget',
  title: 'Forget',
  description:
    'Erase a memory for everybody: its content and its history are gone, and cannot be had back. For what is only out of date, revise.',
  hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
  arguments: { id: memoryId, reason: text(LIMITS.reason, 'Why, for the audit log.').optional() },
  async run({ forget }, caller, { id, reason }) {
    return `Forgotten. id ${await forget.forget(caller, id, reason)}.`;
  },
});
