// Four agents, each with a role and a key of its own, work on one project and know of each other through the memory alone:
//   OPENAI_BASE_URL=… OPENAI_API_KEY=… MODEL=… COMMONPLACE_KEY=<an admin's key> node team.mjs "A command that counts words"
import { CommonplaceClient } from '@commonplace/client';
import { runAgent, SYSTEM } from './agent.mjs';

const url = process.env.COMMONPLACE_URL ?? 'http://127.0.0.1:4000';
const project = process.argv.slice(2).join(' ') || 'A command line that counts words';

const TASKS = {
  planner: 'Make a plan of three steps for the project, and memorize it for the others.',
  coder: 'Remember the plan, decide how the first step is built, and memorize the decision.',
  reviewer: 'Remember what was decided so far, and memorize what should be done otherwise.',
  tester: 'Remember what was planned and decided, and memorize which cases are to be tested.',
};

const admin = new CommonplaceClient({ url, key: process.env.COMMONPLACE_KEY ?? '' });

/** @param {string} role */
async function newAgent(role) {
  const document = `mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { issuedKey { secret } } }`;
  const { registerAgent } = await admin.request(document, { input: { name: `${role} of the example`, role } });
  return new CommonplaceClient({ url, key: registerAgent.issuedKey.secret });
}

for (const [role, task] of Object.entries(TASKS)) {
  const memory = await newAgent(role);
  // Without a pool each writes to that of its role. By the default policy coders read the planner's, reviewers both, and testers the coder's.
  const system = `${SYSTEM} You are the ${role}. The project: ${project}. Give user_id "example" whenever you remember or memorize.`;
  const said = await runAgent({ memory, task, system, onCall: (name) => console.log(`${role}: ${name}`) });
  console.log(`${role}: ${said}\n`);
}
