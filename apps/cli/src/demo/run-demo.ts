import { randomBytes } from 'node:crypto';
import { BrokerClient, describeError } from '../broker-client.js';
import { tryTheForbidden } from './attempts.js';
import { FeedWatch, settle } from './feed-watch.js';
import { Player, type Played } from './player.js';
import { STORY } from './story.js';
import { membersOf, registerTeam, revokeKeys, type Team } from './team.js';
import { Terminal } from './terminal.js';
import { showContext, showFeeds, showRecalls } from './views.js';

export interface DemoOptions {
  url: string;
  adminKey: string;
  /** console.log unless given. */
  print?: (line: string) => void;
  /** The width of a line and whether to colour; by default as the terminal is. */
  width?: number;
  colour?: boolean;
}

export interface DemoSummary {
  stored: number;
  proposed: number;
  duplicates: number;
  denied: number;
  feedEvents: number;
  /** What the demo found that must not be, such as an event from a pool its agent may not read. */
  problems: string[];
}

/**
 * Plays a recorded project with four agents on a running broker and shows who could know what. May be run again on the
 * same broker: what it tells again is answered DUPLICATE.
 * @throws BrokerError when the broker cannot be had or the key is not an admin's.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { url, adminKey, print = (line: string) => console.log(line) } = options;
  const terminal = new Terminal(print, { colour: options.colour, width: options.width });
  const admin = new BrokerClient({ url, key: adminKey });
  const run = Date.now().toString(36).slice(-5) + randomBytes(2).toString('hex');

  terminal.heading('Four agents and one memory');
  const team = await registerTeam(admin, run);
  for (const { role, name, readable } of membersOf(team))
    terminal.row([role, name, `reads ${[...readable].join(', ')}`], [8, 24]);
  const watches: FeedWatch[] = [];
  try {
    for (const member of membersOf(team)) watches.push(await FeedWatch.open(member));
    return await perform({ team, watches, admin, terminal, run });
  } finally {
    await Promise.allSettled(watches.map((watch) => watch.close()));
    await revokeKeys(admin, team).catch((error: unknown) =>
      print(`The keys of the four agents stay valid: ${describeError(error)}`),
    );
  }
}

/** 0 unless the demo found something that must not be. */
export const demoExitCode = (summary: DemoSummary): number => (summary.problems.length > 0 ? 1 : 0);

interface Stage {
  team: Team;
  watches: FeedWatch[];
  admin: BrokerClient;
  terminal: Terminal;
  run: string;
}

async function perform({ team, watches, admin, terminal, run }: Stage): Promise<DemoSummary> {
  terminal.heading('The story: an invoice import in two weeks');
  const played = await new Player(team, run, terminal).play(STORY);
  tellDuplicates(played, terminal);

  terminal.heading('What each could recall');
  await showRecalls(team, terminal);

  terminal.heading('A context block');
  await showContext(team.coder, 'What must I know before I repeat a posting to the ERP?', terminal);

  terminal.heading('What was denied, and why');
  const tried = await tryTheForbidden(team, played, admin, terminal);

  terminal.heading('The feed, as each got it');
  await settle(watches, played.changed);
  const problems = [...played.problems, ...tried.problems, ...showFeeds(watches, played.changed, terminal)];

  const denied = played.denied + tried.denied;
  const feedEvents = watches.reduce((sum, watch) => sum + watch.events.length, 0);
  const { stored, proposed, duplicates } = played;
  terminal.line();
  for (const problem of problems) terminal.line(terminal.style('red', `PROBLEM: ${problem}`));
  terminal.line(`${stored} memories stored, ${proposed} proposed, ${denied} denied, ${feedEvents} feed events`);
  return { stored, proposed, duplicates, denied, feedEvents, problems };
}

function tellDuplicates({ duplicates }: Played, terminal: Terminal): void {
  if (duplicates === 0) return;
  const counted = duplicates === 1 ? 'One memory was there already' : `${duplicates} memories were there already`;
  const earlier = duplicates === 1 ? '' : ' Most of them stand there from an earlier run of this demo.';
  const reason = 'the same words in one pool are one memory, however often and by whomever they are told.';
  terminal.line();
  terminal.paragraph(`${counted} (DUPLICATE): ${reason}${earlier}`, 0);
}
