import { type Step } from './step.js';
import { BUILD } from './story-build.js';
import { CORRECTIONS } from './story-corrections.js';
import { KICK_OFF } from './story-kick-off.js';
import { RELEASE } from './story-release.js';

/** Two weeks in which four agents build a service that imports supplier invoices; people and companies are invented. */
export const STORY: readonly Step[] = [...KICK_OFF, ...BUILD, ...CORRECTIONS, ...RELEASE];
