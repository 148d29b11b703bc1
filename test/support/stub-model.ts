import { MockLanguageModelV3 } from 'ai/test';

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A model of the AI SDK that makes these calls, one after another whatever it is told, and then says something. */
export function callsThenSays(calls: readonly { name: string; given: object }[]): MockLanguageModelV3 {
  let made = 0;
  return new MockLanguageModelV3({
    doGenerate: () => {
      const call = calls[made++];
      const content = call
        ? {
            type: 'tool-call' as const,
            toolCallId: `call-${made}`,
            toolName: call.name,
            input: JSON.stringify(call.given),
          }
        : { type: 'text' as const, text: 'That is all.' };
      const unified = call ? ('tool-calls' as const) : ('stop' as const);
      return Promise.resolve({
        content: [content],
        finishReason: { unified, raw: undefined },
        usage: USAGE,
        warnings: [],
      });
    },
  });
}
