import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Message {
  role: string;
  content?: string | null;
  tool_calls?: { function: { name: string } }[];
}

/**
 * A chat completions server that calls the tools it is given: it remembers what it was asked, memorizes a note of it, and
 * says what the tools told it.
 */
export class StubOpenAi {
  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<StubOpenAi> {
    const server = createServer((request, response) => {
      void read(request).then((body) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ id: 'x', object: 'chat.completion', choices: [choiceFor(body)] }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new StubOpenAi(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, server);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

interface Body {
  messages: Message[];
  tools: { function: { name: string; strict: boolean } }[];
}

async function read(request: IncomingMessage): Promise<Body> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as Body;
}

function choiceFor({ messages, tools }: Body) {
  const offered = tools.filter((tool) => tool.function.strict).map((tool) => tool.function.name);
  const called = messages.flatMap(({ tool_calls }) => tool_calls?.map((call) => call.function.name) ?? []);
  const task = messages.find(({ role }) => role === 'user')?.content ?? '';
  const isOfProject = messages[0]?.content?.includes('user_id "example"') ?? false;
  const user_id = isOfProject ? 'example' : null;
  const calls: Record<string, object> = {
    remember: { query: isOfProject ? 'a note of the model' : task, user_id, max_results: null, pool: null },
    memorize: {
      content: `a note of the model: ${task}`,
      memory_type: 'episodic',
      user_id,
      importance: 'high',
      pool: null,
    },
  };
  const next = Object.keys(calls).find((name) => offered.includes(name) && !called.includes(name));
  if (next) {
    const call = {
      id: `call-${next}`,
      type: 'function',
      function: { name: next, arguments: JSON.stringify(calls[next]) },
    };
    return { index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: null, tool_calls: [call] } };
  }
  const told = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
  return { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: `Done. ${told.join(' ')}` } };
}
