import type { Language } from '#access';
import { stemmer as danish } from '@orama/stemmers/danish';
import { stemmer as dutch } from '@orama/stemmers/dutch';
import { stemmer as finnish } from '@orama/stemmers/finnish';
import { stemmer as french } from '@orama/stemmers/french';
import { stemmer as german } from '@orama/stemmers/german';
import { stemmer as hungarian } from '@orama/stemmers/hungarian';
import { stemmer as italian } from '@orama/stemmers/italian';
import { stemmer as norwegian } from '@orama/stemmers/norwegian';
import { stemmer as portuguese } from '@orama/stemmers/portuguese';
import { stemmer as romanian } from '@orama/stemmers/romanian';
import { stemmer as russian } from '@orama/stemmers/russian';
import { stemmer as spanish } from '@orama/stemmers/spanish';
import { stemmer as swedish } from '@orama/stemmers/swedish';
import { stemmer as turkish } from '@orama/stemmers/turkish';
import { stemmer as ukrainian } from '@orama/stemmers/ukrainian';
import { stopwords as ofDanish } from '@orama/stopwords/danish';
import { stopwords as ofDutch } from '@orama/stopwords/dutch';
import { stopwords as ofFinnish } from '@orama/stopwords/finnish';
import { stopwords as ofFrench } from '@orama/stopwords/french';
import { stopwords as ofGerman } from '@orama/stopwords/german';
import { stopwords as ofHungarian } from '@orama/stopwords/hungarian';
import { stopwords as ofItalian } from '@orama/stopwords/italian';
import { stopwords as ofNorwegian } from '@orama/stopwords/norwegian';
import { stopwords as ofPortuguese } from '@orama/stopwords/portuguese';
import { stopwords as ofRomanian } from '@orama/stopwords/romanian';
import { stopwords as ofRussian } from '@orama/stopwords/russian';
import { stopwords as ofSpanish } from '@orama/stopwords/spanish';
import { stopwords as ofSwedish } from '@orama/stopwords/swedish';
import { stopwords as ofTurkish } from '@orama/stopwords/turkish';
import { stopwords as ofUkrainian } from '@orama/stopwords/ukrainian';
import { IRREGULAR_FORMS } from './irregular-forms.js';
import { stem } from './stemmer.js';
import { STOP_WORDS } from './stop-words.js';

/** How the words of a language become terms. */
interface Grammar {
  /** Of a word in lower case. */
  stem: (word: string) => string;
  /** What stands everywhere and tells no text from another. */
  stopWords: ReadonlySet<string>;
}

const grammar = (stemmer: (word: string) => string, stopWords: readonly string[]): Grammar => ({
  stem: stemmer,
  stopWords: new Set(stopWords),
});

export const GRAMMARS: Readonly<Record<Language, Grammar>> = {
  // Our own: the stemmer is Postgres' to the letter, and irregular forms are brought back to their base before it.
  ENGLISH: { stem: (word) => stem(IRREGULAR_FORMS.get(word) ?? word), stopWords: STOP_WORDS },
  DANISH: grammar(danish, ofDanish),
  DUTCH: grammar(dutch, ofDutch),
  FINNISH: grammar(finnish, ofFinnish),
  FRENCH: grammar(french, ofFrench),
  GERMAN: grammar(german, ofGerman),
  HUNGARIAN: grammar(hungarian, ofHungarian),
  ITALIAN: grammar(italian, ofItalian),
  NORWEGIAN: grammar(norwegian, ofNorwegian),
  PORTUGUESE: grammar(portuguese, ofPortuguese),
  ROMANIAN: grammar(romanian, ofRomanian),
  RUSSIAN: grammar(russian, ofRussian),
  SPANISH: grammar(spanish, ofSpanish),
  SWEDISH: grammar(swedish, ofSwedish),
  TURKISH: grammar(turkish, ofTurkish),
  UKRAINIAN: grammar(ukrainian, ofUkrainian),
};
