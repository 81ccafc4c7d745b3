/**
 * Other words for what the phrasings say, so that training sees each of them in hundreds of forms: an item has three
 * to twelve phrasings to train on, and a model that is shown only those learns them by heart. Questions that are held
 * out are never reworded, and a training question never becomes one of them (wording.ts).
 */
import type { Draw } from './draw.ts';
import { keepingMaths, MARK } from './maths.ts';

/** What is found, and what may stand for it: words for words of the same meaning in a school question. */
type Rule = readonly [found: RegExp, instead: readonly string[]];

/** Whole questions, from their first word to their mark. */
const SENTENCES: readonly Rule[] = [
  [
    /\bWhat is (the (?!answer|result)[^?.]*(?:\.\d[^?.]*)*)\?/,
    ['Find $1.', 'Work out $1.', 'State $1.', 'Give $1.', 'Determine $1.', 'Write down $1.', 'What would be $1?'],
  ],
  [/\bWhat is the (?:answer|result)\?/, ['What does that make?', 'Give the answer.', 'What comes out?']],
  [/^What is (?=\\\()/, ['Work out ', 'Find ', 'Determine ', 'Can you find ', 'What do you get for ']],
  [/\bHow large is ([^?]*)\?/, ['What is the size of $1?', 'How big is $1?', 'Find the size of $1.']],
  [/\bHow long is (the [^?]*)\?/, ['What is the length of $1?', 'Find the length of $1.', 'Give the length of $1.']],
  [/\bHow old is (\p{L}+)\?/u, ['What is the age of $1?', 'Give the age of $1.']],
];

const WORDS: readonly Rule[] = [
  [/\b(?:Find|Work out|Calculate)\b/, ['Find', 'Work out', 'Calculate', 'Determine', 'Compute', 'Figure out']],
  [/\bWhich of these\b/, ['Which of the following', 'Which one of these', 'Which option among these']],
  [/\b(?:Change|Convert) (?=\\\()/, ['Change ', 'Convert ', 'Rewrite ', 'Turn ']],
  [/^Write (?=.* as )/s, ['Express ', 'Rewrite ', 'Give ', 'Put down ']],
  [/\bExpand (?!and)/, ['Multiply out ', 'Remove the brackets of ', 'Write without brackets: ']],
  [/\bright-angled triangle\b/, ['right triangle', 'triangle with a right angle']],
  [/\bprobability\b/, ['chance', 'likelihood']],
  [/\bat random\b/, ['randomly', 'by chance']],
  [/\baltogether\b/, ['in total', 'in all', 'together']],
  [/\bequal to\b/, ['the same as', 'worth the same as']],
  [/\bcorrect to\b/, ['rounded to', 'to', 'given to']],
  [/\bdecimal places?\b/, ['d.p.', 'digits after the point']],
  [/\bd\.p\./, ['dp', 'places of decimals']],
  [/\bsignificant figures?\b/, ['s.f.', 'sig. figs']],
  [/\bhighest common factor\b/, ['HCF', 'greatest common factor', 'greatest common divisor']],
  [/\blowest common multiple\b/, ['LCM', 'least common multiple', 'smallest common multiple']],
  [/\b(?:average|mean) speed\b/, ['average speed', 'mean speed', 'speed on average']],
  [/\bgreatest\b/, ['largest', 'biggest']],
  [/\blargest\b/, ['greatest', 'biggest']],
  [/\bsmallest\b/, ['least', 'lowest']],
  [/\bcosts\b/, ['is priced at', 'sells for', 'is on sale for']],
  [/\bpupils\b/, ['students', 'children', 'learners', 'young people']],
  [/\bshop\b/, ['store', 'market', 'supermarket', 'business']],
  [/\bholds\b/, ['contains', 'has']],
  [/\bdraws\b/, ['sketches', 'plots']],
  [/\bwrites\b/, ['notes', 'jots down', 'puts down']],
  [/\bhas to\b/, ['must', 'needs to', 'is told to', 'is supposed to']],
  [/\bwants to\b/, ['would like to', 'tries to', 'hopes to', 'decides to', 'plans to']],
  [/\bbuys\b/, ['purchases', 'gets', 'picks up', 'orders']],
  [/\bpicks\b/, ['chooses', 'selects', 'takes']],
  [/\bthrown\b/, ['tossed', 'flipped']],
  [/\bshows\b/, ['displays', 'gives']],
  [/\bstarts\b/, ['begins']],
  [/\bbegins\b/, ['starts', 'opens']],
  [/\bleaves at\b/, ['departs at', 'sets off at', 'starts out at']],
  [/\bmissing\b/, ['unknown']],
  [/\bat the same rate\b/, ['at the same speed', 'working just as fast']],
  [/\bHere is\b/, ['This is', 'Look at', 'Below is']],
  [/(?<!of )\bthe following\b/, ['this', 'what is below']],
  [/\bWhat should\b/, ['What ought to', 'So what should']],
  [/\bin its (?:lowest terms|simplest form)\b/, ['as simple as can be', 'fully cancelled', 'in lowest terms']],
  [/\btown\b/, ['village', 'city', 'district']],
  [/\bgarden\b/, ['yard', 'plot']],
  [/\bladder\b/, ['pole', 'stick', 'board']],
  [/\bbuilders\b/, ['workers', 'painters', 'gardeners', 'robots']],
  [/\ba puzzle\b/, ['a riddle', 'a story', 'a book']],
  [/\ba drink\b/, ['a cocktail', 'a mixture', 'a smoothie']],
  [/\bA train\b/, ['A bus', 'A tram', 'A lorry', 'A coach', 'A motorbike']],
  [/\bin a test\b/, ['in an exam', 'in a quiz', 'in an assessment']],
];

const SENTENCE = 0.4;
const WORD = 0.4;
const TERSE = 0.08;

/** The text in other words. It asks for the same. */
export function reword(text: string, r: Draw): string {
  return keepingMaths(text, (plain) => {
    let out = plain;
    const apply = (rules: readonly Rule[], share: number, flags = '') => {
      for (const [found, instead] of rules) {
        const pattern = new RegExp(found.source.replaceAll('\\\\\\(', MARK), found.flags + flags);
        if (pattern.test(out) && r.chance(share)) out = out.replace(pattern, r.pick(instead));
      }
    };
    apply(SENTENCES, SENTENCE);
    // Words are the same wherever they stand.
    apply(WORDS, WORD, 'g');
    out = out.replace(/(d\.p|s\.f)\.\./, '$1.');
    return r.chance(TERSE) ? terse(out) : out;
  });
}

/** As someone in a hurry types it: without articles and the last mark, in small letters. */
function terse(text: string): string {
  return text
    .replace(/(?<![\p{L}\d'])(?:the|a|an|is|are) (?=\p{L})/giu, '')
    .replace(/[.?]$/, '')
    .replace(/^\p{Lu}(?=\p{Ll})/u, (letter) => letter.toLowerCase());
}
