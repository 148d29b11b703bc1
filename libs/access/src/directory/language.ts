import { badInput } from '#kernel';

/** What a pool's memories are written in: how their words are brought to their stems. */
export const LANGUAGES = [
  'DANISH',
  'DUTCH',
  'ENGLISH',
  'FINNISH',
  'FRENCH',
  'GERMAN',
  'HUNGARIAN',
  'ITALIAN',
  'NORWEGIAN',
  'PORTUGUESE',
  'ROMANIAN',
  'RUSSIAN',
  'SPANISH',
  'SWEDISH',
  'TURKISH',
  'UKRAINIAN',
] as const;
export type Language = (typeof LANGUAGES)[number];

/** Of a pool of which nothing was said. */
export const DEFAULT_LANGUAGE: Language = 'ENGLISH';

/** @throws BAD_INPUT naming the field */
export function checkLanguage(value: string, field: string): Language {
  const language = LANGUAGES.find((one) => one === value);
  if (!language) throw badInput(field, `must be one of ${LANGUAGES.join(', ')}`);
  return language;
}
