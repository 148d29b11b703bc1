const LONGEST = 300;
/** What could be taken for the end of the quotation, of the line, or for a tag. */
const TELLING = /[<>\u007f-\u009f\u2028\u2029]/g;

/** Text of strangers within a line of ours: it cannot end the quotation, nor the line. */
export function quoted(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST).toWellFormed()}…` : text;
  return JSON.stringify(short).replace(
    TELLING,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
