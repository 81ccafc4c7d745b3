import { expect, test } from 'vitest';
import { labelledPairs, labelledTexts } from './labelled.ts';
import { parseQuestions } from './questions.ts';

const HEAD =
  'QuestionId,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,' +
  'MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId';

const questions = (...rows: string[]) =>
  parseQuestions([HEAD, ...rows, ''].join('\n'), 'a.csv', { labels: 'optional' });

test('labelled wrong options are those of questions with labels, and a file without any is refused', () => {
  const some = questions('1,A,2 + 3,5,6,1,4,,9,7,', '2,A,1 + 1,2,3,4,5,,,,');
  expect(labelledPairs(some, 'a.csv').map(({ questionId, label }) => [questionId, label])).toEqual([
    [1, 9],
    [1, 7],
  ]);
  expect(() => labelledPairs(some.slice(1), 'a.csv')).toThrow('a.csv: no wrong option has a label');
});

test('options of one question have one origin, and another question has none', () => {
  const parts = { question: '2 + 3', correct: '5', incorrect: '6' };
  const { texts, rows, origins, originOf } = labelledTexts([
    { parts, row: 4, key: 'x' },
    { parts, row: 2, key: 'y' },
    { parts, row: 4, key: 'x' },
  ]);
  expect([rows, origins]).toEqual([
    [4, 2, 4],
    [0, 1, 0],
  ]);
  expect(texts[0]).toContain('<Question> 2 + 3 <Correct Answer> 5 <Incorrect Answer> 6');
  expect([originOf('x'), originOf('y'), originOf('z')]).toEqual([0, 1, undefined]);
});
