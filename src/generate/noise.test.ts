/** Word noise: no word goes that decides what is asked. */
import { expect, test } from 'vitest';
import { Draw } from './draw.ts';
import { LEFT_OUT, VAGUER, withNoise } from './noise.ts';
import { ITEMS } from './topics/index.ts';

/** Words that decide what is asked: how things go together, how many there are, what is measured, in which unit. */
const DECIDING = new Set(
  `not no none never nothing without neither nor cannot more less fewer greater smaller larger longer shorter higher lower
  most least greatest largest smallest highest lowest longest shortest than of off per each every all both any only other
  another same equal equally different total altogether together sum difference product quotient share shared shares split
  left remain remaining rest away add adds added subtract subtracts take takes taken times twice half third quarter double
  divide divides divided multiply multiplied by to from in into at between above below under over before after until past
  up down across through round around out first second last next previous or and if but as when where which what how many
  much long far old often whose who one two three four five six seven eight nine ten hundred thousand increase increased
  decrease reduced reduction change changes changed rises falls grows gains loses spends earns saves pays cuts cost price
  new old original right left correct nearest exactly about least once again back further opposite adjacent inside outside
  mean median mode range average area perimeter volume surface length width height depth mass weight speed distance time
  density angle angles side sides line point square triangle circle rectangle radius diameter circumference polygon sequence
  term terms rule fraction decimal percentage percent ratio probability chance likely factor multiple prime power root value
  number digit column coordinates gradient vector translation reflection rotation enlargement scale equation expression
  simplify factorise expand solve round estimate frequency cumulative cm mm m km g kg ml l litre litres metres kilometres
  grams pounds pence euros minutes hours seconds days weeks months years degrees red blue green white black yellow heads
  tails boys girls north south east west clockwise anticlockwise horizontal vertical parallel perpendicular even odd`.split(
    /\s+/,
  ),
);

const r = new Draw(12);

test('every word that may go or change is ordinary', () => {
  const words = [...LEFT_OUT, ...Object.keys(VAGUER), ...Object.values(VAGUER).flat()].flatMap((word) =>
    word.split(' '),
  );
  expect(words.filter((word) => DECIDING.has(word))).toEqual([]);
});

test('leaves mathematics, numbers and the words that decide as they are', () => {
  const deciding = (text: string) =>
    (
      text.replace(/\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g, ' ').match(/(?<![\p{L}\d'’-])\p{Ll}+(?![\p{L}\d'’-])/gu) ?? []
    ).filter((word) => DECIDING.has(word) && word !== 'last' && word !== 'to' && word !== 'one');
  for (const item of ITEMS)
    for (const { text } of item.draw(r).ask) {
      const other = withNoise(text, [], r);
      for (const kept of [/\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g, /\d/g]) expect(other.match(kept)).toEqual(text.match(kept));
      expect(deciding(other)).toEqual(deciding(text));
    }
});

test('a noisy text has lost or changed a word more often than not, and never all of them', () => {
  const text = 'A coach drives to a shop that sells the new books. What is the number of the books that it can carry?';
  const forms = Array.from({ length: 300 }, () => withNoise(text, [], r));
  expect(forms.filter((form) => form !== text).length).toBeGreaterThan(150);
  for (const form of forms) expect(form.split(' ').length).toBeGreaterThan(10);
});

test('a vaguer noun has its own article', () => {
  for (let i = 0; i < 200; i++)
    expect(withNoise('An umbrella and a lorry stand in a canteen.', [], r)).not.toMatch(
      /(?:\ba [aeiou]|\ban [^aeiou])/,
    );
});

test('words of the options stay', () => {
  for (let i = 0; i < 100; i++)
    expect(withNoise('Which sweets and marbles?', ['sweets', 'marbles'], r)).toBe('Which sweets and marbles?');
});
