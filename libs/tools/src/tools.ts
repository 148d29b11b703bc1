import type { Tool } from './tool.js';
import { explainAccess } from './verbs/explain-access.js';
import { forget } from './verbs/forget.js';
import { listPools } from './verbs/list-pools.js';
import { memory } from './verbs/memory.js';
import { memorize } from './verbs/memorize.js';
import { remember } from './verbs/remember.js';
import { revise } from './verbs/revise.js';

/** Every tool, in the order in which models are shown them. */
export const TOOLS: readonly Tool[] = [remember, memorize, revise, forget, listPools, explainAccess];

/** Those that can be called: models of Anthropic know one more by its name alone. */
export const CALLABLE: readonly Tool[] = [...TOOLS, memory];
