/**
 * Sentences beside a question that say nothing about its mathematics: who asks, where, when, and what is to be done. Those
 * of training are put together from parts, in thousands of forms; a few whole ones are held out and are none of them.
 */
import type { Draw } from './draw.ts';

/**
 * The parts: `{x}` in an alternative stands for one of the alternatives of x, `{name}` and `{place}` for a name and a
 * place of the split. No digits: questions are told apart by those.
 */
export const PARTS = {
  aside: [
    '{who} {got} {it}{where}{when}.',
    '{who} {got} {it}{where}{when}.',
    '{who} sent me {it}{when}.',
    '{who} {tries} {it}.',
    '{who} {busy}.',
    '{who} and {name} {both} {it}{when}.',
    'A {teacher} in {place} {gave} {it}{when}.',
    '{It} {comes} from {source}.',
    '{It} {comes} from {source}.',
    '{Polite} {name} with {it}?',
    '{Polite} me with {it}?',
    '{Hello} {trouble}.',
    '{heading}',
    '{instruction}',
    '{instruction}',
  ],
  after: [
    '{instruction}',
    '{instruction}',
    '{instruction}',
    '{who} {got} {this}{where}{when}.',
    '{It} {comes} from {source}.',
    '{Polite} {name} with {this}?',
    '{who} {tries} {this}.',
    '{trouble}.',
  ],
  between: ['{instruction}', '{It} {comes} from {source}.', '{trouble}.'],
  who: ['{name}', '{name}', '{name}', "{name}'s {relative}", 'My {relative}', 'A {pupil} in {place}', 'A {pupil}'],
  relative: ['friend', 'sister', 'brother', 'cousin', 'partner', 'neighbour', 'son', 'daughter', 'teacher', 'tutor'],
  pupil: ['pupil', 'student', 'girl', 'boy', 'child', 'beginner', 'parent'],
  teacher: ['teacher', 'tutor', 'school', 'college', 'chess club', 'study group'],
  gave: ['handed out', 'wrote', 'gave out', 'used', 'chose', 'made', 'put up'],
  got: ['saw', 'was given', 'got', 'copied', 'met', 'read', 'came across', 'was shown', 'picked'],
  tries: ['tries', 'is stuck on', 'has a go at', 'is not sure about', 'got a mark for', 'cannot do', 'has to hand in'],
  both: ['disagreed about', 'talked about', 'compared answers to', 'did', 'argued over', 'were given', 'practised'],
  busy: [
    'is revising for a test',
    'is doing homework',
    'is getting ready for an exam',
    'is practising',
    'is catching up at school',
    'is learning with a friend',
    'has an exam',
  ],
  it: ['{this}', '{this}', '{this}', 'the next one', 'the following question'],
  this: ['this', 'this one', 'this question', 'this problem', 'this exercise', 'this task'],
  It: ['This', 'This one', 'This question', 'This problem', 'This exercise', 'This task'],
  comes: ['comes', 'is', 'is taken', 'was copied', 'is adapted'],
  source: [
    'a quiz',
    'a textbook',
    'a mock exam',
    'a past paper',
    'a revision guide',
    "{name}'s homework",
    "{name}'s exercise book",
    'the end of the chapter',
    'a game for the class',
    'a book of puzzles',
    'an old exam',
    'a school in {place}',
    'a video',
    'the board',
    'a pack of cards',
  ],
  where: [
    '',
    '',
    ' in a quiz',
    ' in a textbook',
    ' at school',
    ' at school in {place}',
    ' on the bus to {place}',
    ' in a mock exam',
    ' for homework',
    ' on a phone',
    ' in a revision guide',
    ' at a club in {place}',
    ' from a tutor',
    ' in class',
    ' at home',
    ' in {place}',
    ' on a poster',
    ' in the library',
  ],
  when: [
    '',
    '',
    '',
    '',
    ' on {day}',
    ' on {day}',
    ' yesterday',
    ' today',
    ' last week',
    ' last month',
    ' this term',
    ' before lunch',
    ' after school',
    ' after the holidays',
    ' on a rainy afternoon',
    ' in the spring',
  ],
  day: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'],
  Polite: ['Can you help', 'Could you help', 'Please can you help', 'Would you help', 'Who can help'],
  Hello: ['Hi,', 'Hello!', 'Please help,', 'Hi there,', 'Help,', 'Good afternoon,', 'Hey,'],
  trouble: [
    'I am stuck here',
    'I do not get this one',
    'I keep getting this wrong',
    'I think my {relative} got this wrong',
    'I have to explain this to my {relative}',
    '{name} and I disagree',
    'I have a test on {day}',
    'I have to hand this in on {day}',
    'I am not sure how to do this one',
  ],
  heading: [
    '(a)',
    '(b)',
    '(c)',
    'Problem:',
    'Task.',
    'Question:',
    'Next question.',
    'Warm-up.',
    'Starter.',
    'Starter question.',
    'Homework, {day}.',
    'Revision.',
    'Quick check.',
    'Practice.',
    'Quiz, {day}.',
    'From the textbook:',
    'A {teacher} wrote:',
    'On the board:',
    'Challenge.',
    'Test yourself.',
    'Here is a question from {source}.',
    'Have a go.',
  ],
  instruction: [
    '{Do}{care}.',
    '{Do}{care}.',
    'Do not use a calculator.',
    'Calculators are not allowed.',
    'You may use a diagram.',
    'Many people get this wrong.',
    'How did you do it?',
    'Be careful.',
    'Think before you answer.',
    'Choose one answer.',
    'Only one answer is right.',
    'Talk about it with {name}.',
    'Check with {name}.',
    'There is no rush.',
  ],
  Do: [
    'Show your working',
    'Show all your steps',
    'Explain how you know',
    'Give a reason',
    'Tick the right box',
    'Circle your answer',
    'Choose from the options',
    'Discuss with a partner',
    'Check your answer',
    'Read the question',
    'Read it again',
    'Make a sketch if it helps',
    'Put your pen down when you are done',
  ],
  care: ['', '', '', '', ' carefully', ' please', ' and be careful', ' on {day}', ', then show {name}'],
} as const satisfies Record<string, readonly string[]>;

type Part = keyof typeof PARTS;

/** One form of a part, its names and places drawn. */
const expand = (part: Part, r: Draw): string =>
  r.pick<string>(PARTS[part]).replace(/\{(\w+)\}/g, (_, inner: string) => {
    if (inner === 'name') return r.name;
    if (inner === 'place') return r.place;
    return expand(inner as Part, r);
  });

/** Where a training aside stands: before the question, else after it, else between two of its sentences. */
const BEFORE = 0.6;
const AFTER = 0.6;

/** The question with a sentence beside it, which `change` may alter. One that is held out opens the question. */
export function withAside(text: string, r: Draw, change = (aside: string) => aside): string {
  if (r.split === 'held-out') return `${r.pick(HELD_OUT_ASIDES)(r)} ${text}`;
  const say = (part: Part) => change(expand(part, r));
  if (r.chance(BEFORE)) return `${say('aside')} ${text}`;
  // A text that ends in mathematics, such as `3 + 4 =`, is not a sentence that another could follow.
  if (r.chance(AFTER)) return /[.?]$/.test(text) ? `${text} ${say('after')}` : `${say('aside')} ${text}`;
  const gaps = [...text.matchAll(/(?<=[\p{L})\d][.?]) (?=\p{Lu}\p{L}* )/gu)].map(({ index }) => index);
  if (gaps.length === 0) return `${say('aside')} ${text}`;
  const at = r.pick(gaps);
  return `${text.slice(0, at)} ${say('between')}${text.slice(at)}`;
}

/** The sentences that no training question has. */
export const HELD_OUT_ASIDES: readonly ((r: Draw) => string)[] = [
  () => 'Exit ticket.',
  (r) => `${r.name} found this question on a worksheet.`,
  () => 'Take your time with this one.',
  (r) => `In a lesson in ${r.place}, pupils are asked this.`,
];
