import { beforeAll, expect } from '@jest/globals';
import { registerAgent } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { isNative, itOnNative, nativeOnly } from '../support/database.js';
import { callTool, openMcp, PROTOCOLS, toldMemories } from '../support/mcp.js';

const SESSIONS = 100;
const ROLES = ['planner', 'coder', 'reviewer', 'tester'];

let brokers: BrokerProcess[] = [];
beforeAll(async () => {
  if (!isNative) return;
  const store = await newStore();
  const first = await BrokerProcess.start(store);
  brokers = [first, await BrokerProcess.start(store)];
});

const NAME = `${SESSIONS} sessions at once, each turning between two brokers`;
itOnNative(nativeOnly(NAME, 'the embedded database is of one process'), async () => {
  const [first, second] = brokers as [BrokerProcess, BrokerProcess];
  const agents = await Promise.all(ROLES.map((role) => registerAgent(first.client, role)));
  const outcomes = await Promise.all(
    Array.from({ length: SESSIONS }, async (_, n) => {
      const agent = agents[n % ROLES.length] as (typeof agents)[number];
      const protocol = PROTOCOLS[n % 2] as (typeof PROTOCOLS)[number];
      const [here, there] = n % 2 ? [first, second] : [second, first];
      const writer = await openMcp(here.url, agent.key, protocol);
      const reader = await openMcp(there.url, agent.key, protocol);
      const content = `Session ${n} saw pelican${n}`;
      const stored = await callTool(writer, 'memorize', { content, memory_type: 'episodic' });
      const found = await callTool(reader, 'remember', { query: `pelican${n}`, max_results: 1 });
      await Promise.all([writer.close(), reader.close()]);
      return { stored: stored.isError, found: toldMemories(found.text).map((memory) => memory.content), content };
    }),
  );
  for (const { stored, found, content } of outcomes)
    expect({ stored, found }).toEqual({ stored: false, found: [content] });
  // What a role may not read does not come back at either.
  for (const broker of brokers) {
    const coder = await openMcp(broker.url, (agents[1] as (typeof agents)[number]).key);
    const { text } = await callTool(coder, 'remember', { query: 'pelican2 pelican6 pelican10', max_results: 50 });
    expect(toldMemories(text).filter(({ attributes }) => attributes['pool'] === 'reviewer')).toEqual([]);
    await coder.close();
  }
});
