import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const ANSWER = JSON.stringify({ data: { __typename: 'Query' } });

/** Reads a request to its end and answers the same to each: the least that a service in Node.js costs. */
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(ANSWER);
  });
});

// Whoever started it is gone.
process.once('disconnect', () => process.exit());

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ kind: 'ready', value: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
