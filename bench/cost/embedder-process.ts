import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { embed } from './stub-embedding.js';

/** Answers as OpenAI's /embeddings does. A process of its own: what it costs is neither the broker's nor its clients'. */
const server = createServer((request, response) => {
  void body(request).then((text) => {
    const { input } = JSON.parse(text) as { input: string | string[] };
    const data = [input].flat().map((one, index) => ({ object: 'embedding', index, embedding: embed(one) }));
    const usage = { prompt_tokens: 0, total_tokens: 0 };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', model: 'bench', data, usage }));
  });
});

// Whoever started it is gone.
process.once('disconnect', () => process.exit());

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ kind: 'ready', value: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
});

async function body(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
