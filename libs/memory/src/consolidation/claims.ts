import { analyse } from '../recall/analysis.js';

/** What a fact says of what: the attribute of a subject, its value, and what it says holds no more. English alone. */
export interface Claim {
  attribute: string;
  /** Whether something has one value of it at a time: one home, and any number of tools. */
  single: boolean;
  subject: ReadonlySet<string>;
  value: ReadonlySet<string>;
  /** What the fact names as over: "no longer …", "instead of …", "from … to". */
  replaced: ReadonlySet<string>;
}

/** Longer texts are no single facts. */
const LONGEST_FACT = 400;

/** Says that what it tells was otherwise before. */
const CHANGE_MARKER =
  /\b(?:no longer|any ?more|now|nowadays|currently|moved|moving|relocated|instead|rather than|changed|switched|migrated|replaced|renamed|stopped|became|as of|updated)\b/iu;

interface Frame {
  attribute: string;
  single: boolean;
  verb: RegExp;
}

/** Verbs that stand between a subject and a value. */
const FRAMES: readonly Frame[] = [
  {
    attribute: 'home',
    single: true,
    verb: /\b(?:lives?|lived|living|resides?|resided|(?:is |was )?based|relocat(?:es|ed|ing)|mov(?:es|ed|ing))\s+(?:back\s+)?(?:in|at|to|near|from)\b/iu,
  },
  {
    attribute: 'employer',
    single: true,
    verb: /\b(?:works?|worked|working|employed|joined)(?:\s+(?:at|for|by))?\b(?!\s+(?:on|with|in|from|as)\b)/iu,
  },
  {
    attribute: 'relationship',
    single: true,
    verb: /\b(?:is|was|got|are|were|became)\s+(?=(?:now |no longer |currently )?(?:married|single|engaged|divorced|widowed|dating)\b)/iu,
  },
  {
    attribute: 'use',
    single: false,
    verb: /\b(?:uses?|used|using|runs? on|ran on|hosted (?:on|at|by)|deploy(?:s|ed)? (?:to|on)|(?:moved|moving|migrated|switched) (?:to|from)|written in|built (?:with|on)|connects? to)\b/iu,
  },
  { attribute: 'liking', single: false, verb: /\b(?:prefers?|preferred|likes?|liked|loves?|favou?rs?|wants?)\b/iu },
  { attribute: 'being', single: false, verb: /\b(?:is|are|was|were)\b/iu },
];

/** `The port is 8080`, `Ada's phone number changed to 12`, `the owner of the build is Grace`, `Port: 8080`. */
const PROPERTY =
  /^(?<subject>(?:(?:the|our|my|his|her|their|its)\s|[\p{L}\p{N}._-]+['’]s\s)[^,;:]{2,80}?|[^,;:]{2,40}? of [^,;:]{2,40}?)\s+(?:is|are|was|were|has been|have been|(?:was |were |is |are )?(?:changed|moved|switched|set|raised|lowered|updated|renamed))\b(?<value>.*)$/isu;
const ENTRY = /^(?<subject>[^:.]{2,60}):\s+(?<value>\S.*)$/su;

const REPLACED = /\b(?:instead of|rather than|no longer)\s+(?<old>[^,;.]+)/iu;
const FROM_TO = /\bfrom\s+(?<old>[^,;]+?)\s+to\s+(?<value>.+)$/isu;
const NEGATED_BEFORE = /(?:\b(?:no longer|not|stopped|quit)|n['’]t)\s*$/iu;
const NEGATED_BEHIND = /^\s*(?:no longer|not)\b/iu;
/** What tells of time and change, and belongs to neither subject nor value. */
const ASIDE =
  /\b(?:no longer|any ?more|now|nowadays|currently|instead|new|old|current|as of|to|will|has|have|does|did|do)\b|n['’]t\b/giu;

export const tellsChange = (content: string): boolean => content.length <= LONGEST_FACT && CHANGE_MARKER.test(content);

export function claimsOf(content: string): Claim[] {
  const text = content.trim().replace(/[.!]+$/u, '');
  if (text.length === 0 || text.length > LONGEST_FACT) return [];
  const property = PROPERTY.exec(text) ?? ENTRY.exec(text);
  const { subject, value } = (property?.groups ?? {}) as { subject?: string; value?: string };
  const claims = FRAMES.flatMap(({ attribute, single, verb }) => {
    const found = verb.exec(text);
    if (!found) return [];
    const behind = text.slice(found.index + found[0].length);
    return claim(
      { attribute, single },
      text.slice(0, found.index),
      /\bfrom$/iu.test(found[0]) ? `from ${behind}` : behind,
    );
  });
  if (subject === undefined || value === undefined) return claims;
  return [...claim({ attribute: 'property', single: true }, subject, value), ...claims];
}

function claim(of: Pick<Claim, 'attribute' | 'single'>, subjectText: string, valueText: string): Claim[] {
  const isNegated = NEGATED_BEFORE.test(subjectText) || NEGATED_BEHIND.test(valueText);
  const moved = FROM_TO.exec(valueText)?.groups;
  const said = moved?.['value'] ?? valueText.replace(REPLACED, ' ');
  const over = isNegated
    ? (valueText.split(/[,;]/u)[0] as string)
    : (moved?.['old'] ?? REPLACED.exec(valueText)?.groups?.['old'] ?? '');
  const claimed = {
    ...of,
    subject: termsOf(subjectText),
    value: isNegated ? new Set<string>() : termsOf(said),
    replaced: termsOf(over),
  };
  return claimed.value.size + claimed.replaced.size === 0 ? [] : [claimed];
}

const termsOf = (text: string): ReadonlySet<string> => new Set(analyse(text.replace(ASIDE, ' ')));
