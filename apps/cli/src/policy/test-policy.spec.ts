import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** What bin/commonplace.js runs; bin itself would build again in the middle of the tests when a source is newer. */
const MAIN = path.join(ROOT, 'dist/bundle/main.js');
const EXAMPLE = path.join(ROOT, 'libs/access/src/policy/default-policy.cases.yaml');

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'policy-test-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** In an empty environment: it needs no database, no broker and no variable. */
function run(file: string, ...options: string[]): Run {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', MAIN, 'policy', 'test', file, ...options],
    { cwd: folder, env: {}, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

function write(name: string, text: string | Buffer): string {
  fs.writeFileSync(path.join(folder, name), text);
  return name;
}

const CASES = `policy: default
principals:
  ada: { role: coder }
  rita: { role: reviewer }
memories:
  plan: { pool: planner }
cases:
  - { name: coders read plans, principal: ada, memory: plan, allow: [READ] }
  - { name: reviewers too, principal: rita, memory: plan, allow: [READ] }
`;
/** One line of it in other words. */
const changed = (from: string, to: string): string => {
  expect(CASES).toContain(from);
  return CASES.replace(from, to);
};
const refused = (file: string): string => {
  const { status, stdout, stderr } = run(file);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^commonplace: .*\n$/);
  return stderr.slice('commonplace: '.length, -1);
};

describe('commonplace policy test', () => {
  it('holds for the cases of the default policy', () => {
    const { status, stdout, stderr } = run(EXAMPLE);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\n\d{3} checks, 0 failed\n$/);
    expect(stdout).not.toContain('✗');
  });

  it('tells each case in a line, without colour where no terminal is', () => {
    expect(run(write('ok.yaml', CASES))).toEqual({
      status: 0,
      stdout: '✓ coders read plans\n✓ reviewers too\n\n16 checks, 0 failed\n',
      stderr: '',
    });
  });

  it('exits 1 when one check fails, and says who, what, and which statement decided', () => {
    const { status, stdout } = run(
      write('wrong.yaml', changed('rita, memory: plan, allow: [READ]', 'rita, memory: plan, allow: [WRITE]')),
    );
    expect(status).toBe(1);
    expect(stdout).toBe(`✓ coders read plans
✗ reviewers too
    ✗ rita  plan  READ   expected deny, got allow
        role reviewer may READ in pool planner: allowed by statement reviewer-work: A review compares what was planned with what was made.
    ✗ rita  plan  WRITE  expected allow, got deny
        role reviewer may not WRITE in pool planner: no statement allows it

16 checks, 2 failed
`);
  });

  it('with --verbose tells every check', () => {
    const { stdout } = run(write('ok.yaml', CASES), '--verbose');
    expect(stdout.match(/^ {4}✓ /gm)).toHaveLength(16);
    expect(stdout).toMatch(
      /✓ ada {2}plan {2}READ +allow\n +role coder may READ in pool planner: allowed by statement coder-planner/,
    );
    expect(stdout).toMatch(/✓ rita {2}plan {2}FORGET +deny\n +role reviewer may not FORGET/);
  });

  it('with --json tells machines: what failed, or all of it', () => {
    const file = write(
      'wrong.yaml',
      changed('ada, memory: plan, allow: [READ]', 'ada, memory: plan, allow: [READ, WRITE]'),
    );
    const { status, stdout } = run(file, '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file,
      checks: 16,
      failed: 1,
      cases: [
        {
          name: 'coders read plans',
          passed: false,
          checks: [
            {
              principal: 'ada',
              memory: 'plan',
              action: 'WRITE',
              expected: { allowed: true, hidden: [] },
              got: { allowed: false, hidden: [] },
              passed: false,
              reason: 'role coder may not WRITE in pool planner: no statement allows it',
            },
          ],
        },
        { name: 'reviewers too', passed: true, checks: [] },
      ],
    });
    const whole = JSON.parse(run(file, '--json', '--verbose').stdout) as { cases: { checks: unknown[] }[] };
    expect(whole.cases.map(({ checks }) => checks.length)).toEqual([8, 8]);
  });

  it('reads the policy from a file beside the cases, in YAML or as the API answered it', () => {
    fs.mkdirSync(path.join(folder, 'team'), { recursive: true });
    const statement = {
      id: 'all',
      effect: 'ALLOW',
      roles: ['*'],
      actions: ['READ'],
      pools: ['planner'],
      where: null,
      fields: ['content', 'labels', 'metadata', 'author'],
      expiresAt: null,
      reason: 'say\u001b[31m\nred',
    };
    const answer = { data: { policy: { version: 4, statements: [statement] } } };
    write('team/policy.json', JSON.stringify(answer, null, '\t'));
    write('team/policy.yaml', `statements:\n  - ${JSON.stringify(statement)}\n`);
    for (const policy of ['policy.json', './policy.yaml', path.join(folder, 'team/policy.json')]) {
      const { status, stdout } = run(write('team/cases.yaml', changed('default', policy)), '--verbose');
      expect(status).toBe(1);
      expect(stdout).toContain('READ         expected allow, got allow without entityId, sessionId, speaker\n');
      // What the policy says is told in one line, and steers no terminal.
      expect(stdout).toContain('allowed by statement all: say [31m red\n');
    }
  });

  it('takes an alias for a list that many cases share', () => {
    const shared = changed('principal: ada', 'principals: &all [ada, rita]').replace(
      'principal: rita',
      'principals: *all',
    );
    expect(run(write('alias.yaml', shared))).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('32 checks, 0 failed'),
    });
  });
});

describe('a file that is wrong is refused in one line, with its place', () => {
  it.each([
    [
      'an unknown name',
      'principal: rita',
      'principal: bob',
      'wrong.yaml:9: cases.1.principal: "bob" is not known here; there are ada, rita',
    ],
    ['an unknown key', 'cases:', 'case:', 'wrong.yaml:7: document.case: is no part of a document of cases'],
    [
      'an unknown key of a memory',
      'plan: { pool: planner }',
      'plan: { pool: planner, owner: ada }',
      'wrong.yaml:6: memories.plan.owner: is no part of a memory',
    ],
    ['bad syntax', 'ada: { role: coder }', 'ada: { role: coder', 'wrong.yaml:4: '],
    ['a key that is there twice', 'rita: { role', 'ada: { role', 'wrong.yaml:4: Map keys must be unique'],
    ['a tag of its own', 'role: coder', 'role: !js/function coder', 'wrong.yaml:3: Unresolved tag: !js/function'],
    ['an alias to nothing', 'role: coder', 'role: *coder', 'wrong.yaml: Unresolved alias'],
    [
      'an alias of itself',
      'default',
      '&p { policy: *p }',
      'wrong.yaml:1: policy.policy.policy: is no part of a policy',
    ],
    ['a second document', 'cases:', '---\ncases:', 'wrong.yaml:7: a second document begins here'],
    ['a policy that is not there', 'default', 'none.yaml', 'none.yaml cannot be read: ENOENT'],
    ['a policy that is a folder', 'default', './', 'cannot be read: it is not a file'],
  ])('%s', (_, from, to, problem) => {
    expect(refused(write('wrong.yaml', changed(from, to)))).toContain(problem);
  });

  it('a mistake in the file of the policy is shown there', () => {
    write(
      'mine.yaml',
      'statements:\n  - effect: ALLOW\n    roles: [coder]\n    actions: [READ, EAT]\n    pools: [planner]\n',
    );
    expect(refused(write('wrong.yaml', changed('default', 'mine.yaml')))).toBe(
      `${path.join(folder, 'mine.yaml')}:4: policy.statements.0.actions.1: must be one of READ, WRITE, PROPOSE, REVISE, FORGET, REVIEW, CONSOLIDATE, ADMINISTER`,
    );
  });

  it.each<[string, string | Buffer, string]>([
    ['nothing', '', 'monster.yaml:1: document: must be a document of cases'],
    ['only a comment', '# soon', 'document: must be a document of cases'],
    ['bytes that are no text', Buffer.from([0x61, 0xff]), 'monster.yaml cannot be read: it is not valid UTF-8'],
    [
      'more than 2 MiB',
      '#'.repeat(2 * 1024 * 1024 + 1),
      'monster.yaml cannot be read: it has 2097153 bytes; at most 2097152 are taken',
    ],
    ['brackets without end', '['.repeat(5000) + ']'.repeat(5000), 'monster.yaml:1: is nested too deeply'],
    ['lists in lists', '- '.repeat(20_000), 'monster.yaml:1: is nested too deeply'],
    [
      'a map of very many',
      Array.from({ length: 10_001 }, (_, n) => `k${n}: 1`).join('\n'),
      'monster.yaml:1: has more than 10000 entries',
    ],
    [
      'aliases of aliases',
      'a: &a [1,1,1,1,1,1,1,1,1]\n' +
        [...'bcdefgh'].map((to, n) => `${to}: &${to} [${new Array(9).fill(`*${'abcdefg'[n]}`).join()}]`).join('\n'),
      'monster.yaml: Excessive alias count',
    ],
  ])('%s', (_, text, problem) => {
    expect(refused(write('monster.yaml', text))).toContain(problem);
  });

  it('a file that is not there', () => {
    expect(refused('missing.yaml')).toContain('missing.yaml cannot be read: ENOENT');
  });
});
