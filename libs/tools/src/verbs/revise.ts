import type { Importance } from '#access';
import { LIMITS } from '#memory';
import { importance, memoryId, text, wholeNumber } from '../arguments.js';
import { tool } from '../tool.js';

export const revise = tool({
  name: 'revise',
  title: 'Revise',
  description:
    'Correct a memory: give its id, the version that you read, and the new content or importance. What it said before is kept in its history.',
  hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: false },
  arguments: {
    id: memoryId,
    version: wholeNumber(1, 2_147_483_647, 'The version that you read; refused where it was revised since.'),
    content: text(LIMITS.content, 'The whole new content; without it the content stays.').optional(),
    importance: importance.optional(),
    reason: text(LIMITS.reason, 'Why, for the history.').optional(),
  },
  async run({ revise }, caller, { id, version, content, importance, reason }) {
    const revised = await revise.revise(caller, {
      id,
      expectedVersion: version,
      reason,
      ...(content !== undefined && { content }),
      ...(importance !== undefined && { importance: importance.toUpperCase() as Importance }),
    });
    return `Revised. id ${revised.id}, version ${revised.version}.`;
  },
});
