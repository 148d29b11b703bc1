import { actionsIn, type DirectoryPool } from '#access';
import { quoted } from '../quoted.js';
import { READS, tool } from '../tool.js';

const MOST = 100;

export const listPools = tool({
  name: 'list_pools',
  title: 'List pools',
  description: 'The pools that are open to you, what you may do in each, and how many memories you may read there.',
  hints: READS,
  arguments: {},
  async run({ access, memories }, caller) {
    const counts = await memories.countByPool(caller);
    const { pools, access: rights } = await access.grants(caller);
    if (pools.length === 0) return 'No pool is open to you.';
    const lines = pools.slice(0, MOST).map((pool) => {
      const actions = actionsIn(rights, pool.id).join(', ');
      return `- ${pool.key} (${kindOf(pool)}): you may ${actions}; ${counts.get(pool.id) ?? 0} memories${describe(pool)}`;
    });
    const more = pools.length - lines.length;
    return [...lines, ...(more > 0 ? [`and ${more} more, which can be named all the same`] : [])].join('\n');
  },
});

const kindOf = ({ kind, role }: DirectoryPool): string =>
  kind === 'SHARED' ? 'shared' : kind === 'ROLE' ? `of the role ${role}` : 'of one agent';

const describe = ({ description }: DirectoryPool): string => (description ? `; ${quoted(description)}` : '');
