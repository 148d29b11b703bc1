/**
 * Irregular English verbs and nouns: each line is a base word and the forms that no stemmer takes back to it.
 *
 * Forms that are stop words are not listed (`was`, `did`, `had`). Left out too are forms that mean something else at least as often, because their plural would then be torn from them:
 * `rose` (but roses), `ground`, `wound`, `bound`, `dove`, `bore`, `bit`, `lay`, `lives`, `leaves`, `axes`, `dice`. A
 * noun that is also a past form comes with its plural: `thought thoughts`.
 */
const FORMS = `
  arise arose arisen
  awake awoke awoken
  bear borne
  beat beaten
  become became
  beget begot begotten
  begin began begun
  bend bent
  beseech besought
  bite bitten
  bleed bled
  blow blew blown
  break broke broken
  breed bred
  bring brought
  build built
  burn burnt
  buy bought
  catch caught
  choose chose chosen
  cling clung
  come came
  creep crept
  deal dealt
  dig dug
  do done
  draw drew drawn
  dream dreamt
  drink drank drunk
  drive drove driven
  dwell dwelt
  eat ate eaten
  fall fell fallen
  feed fed
  feel felt
  fight fought
  find found
  flee fled
  fling flung
  fly flew flown
  forbear forbore
  forbid forbade forbidden
  foresee foresaw foreseen
  foretell foretold
  forget forgot forgotten
  forgive forgave forgiven
  forgo forwent forgone
  forsake forsook forsaken
  freeze froze frozen
  get got gotten
  give gave given
  go went gone goes
  grow grew grown
  hang hung
  hear heard
  hide hid hidden
  hold held
  inlay inlaid
  keep kept
  kneel knelt
  know knew known
  lay laid
  lead led
  leap leapt
  learn learnt
  leave left
  lend lent
  lie lain
  light lit
  lose lost
  make made
  mean meant
  meet met
  mishear misheard
  mislead misled
  misspell misspelt
  mistake mistook mistaken
  misunderstand misunderstood
  mow mown
  outdo outdid outdone
  outgrow outgrew outgrown
  overcome overcame
  overdo overdid overdone
  overhear overheard
  override overrode overridden
  oversee oversaw overseen
  oversleep overslept
  overtake overtook overtaken
  overthrow overthrew overthrown
  overwrite overwrote overwritten
  partake partook partaken
  pay paid
  plead pled
  prove proven
  rebuild rebuilt
  redo redid redone
  repay repaid
  resell resold
  retake retook retaken
  retell retold
  rethink rethought
  rewind rewound
  rewrite rewrote rewritten
  ride rode ridden
  ring rang rung
  rise risen
  run ran
  say said
  see saw seen
  seek sought
  sell sold
  send sent
  sew sewn
  shake shook shaken
  shave shaven
  shear shorn
  shine shone
  shoot shot shots
  show shown
  shrink shrank shrunk shrunken
  sing sang sung
  sink sank sunk sunken
  sit sat
  slay slew slain
  sleep slept
  slide slid
  sling slung
  slink slunk
  smell smelt
  smite smote smitten
  sneak snuck
  sow sown
  speak spoke spoken
  speed sped
  spell spelt
  spend spent
  spill spilt
  spin spun
  spit spat
  spoil spoilt
  spring sprang sprung
  stand stood
  steal stole stolen
  stick stuck
  sting stung
  stink stank stunk
  stride strode stridden
  strike struck stricken
  string strung
  strive strove striven
  swear swore sworn
  sweep swept
  swell swollen
  swim swam swum
  swing swung
  take took taken
  teach taught
  tear tore torn
  tell told
  think thought thoughts
  throw threw thrown
  tread trod trodden
  undergo underwent undergone
  understand understood
  undertake undertook undertaken
  undo undid undone
  unwind unwound
  uphold upheld
  wake woke woken
  wear wore worn
  weave wove woven
  weep wept
  win won
  withdraw withdrew withdrawn
  withhold withheld
  withstand withstood
  wring wrung
  write wrote written

  alumnus alumni
  analysis analyses
  appendix appendices
  bacterium bacteria
  cactus cacti
  calf calves
  child children
  crisis crises
  criterion criteria
  curriculum curricula
  diagnosis diagnoses
  dwarf dwarves
  elf elves
  foot feet
  fungus fungi
  goose geese
  half halves
  hoof hooves
  hypothesis hypotheses
  index indices
  knife knives
  loaf loaves
  louse lice
  man men
  matrix matrices
  mouse mice
  nucleus nuclei
  oasis oases
  ox oxen
  parenthesis parentheses
  person people
  phenomenon phenomena
  radius radii
  scarf scarves
  schema schemata
  self selves
  sheaf sheaves
  shelf shelves
  stimulus stimuli
  syllabus syllabi
  synopsis synopses
  synthesis syntheses
  thesis theses
  thief thieves
  tooth teeth
  vertex vertices
  wharf wharves
  wife wives
  wolf wolves
  woman women
  bookshelf bookshelves
  businessman businessmen
  businesswoman businesswomen
  chairman chairmen
  fireman firemen
  fisherman fishermen
  gentleman gentlemen
  grandchild grandchildren
  housewife housewives
  mailman mailmen
  midwife midwives
  policeman policemen
  policewoman policewomen
  salesman salesmen
  salesperson salespeople
  spokesperson spokespeople
  stepchild stepchildren

  bad worse worst
  good better best
`;

/** Irregular form to base word, lower case: `went` gives `go`, `children` gives `child`. */
export const IRREGULAR_FORMS: ReadonlyMap<string, string> = new Map(
  FORMS.trim()
    .split('\n')
    .map((line) => line.trim().split(' '))
    .flatMap(([base = '', ...forms]) => forms.map((form): [string, string] => [form, base])),
);
