export { Attempts, wholeMs, type Manners } from './attempts.js';
export { ModelError, type FailureOptions, type ModelFailure, type Subject } from './model-error.js';
export { asModelError, connectOpenAi, type OpenAiServer } from './openai.js';
