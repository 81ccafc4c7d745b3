/** Class and taxonomy CSVs as people have them, and as nobody should. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { readClass, readLabelledCsv, readTaxonomyCsv } from '../../web/worker/class_csv.ts';

const csv = (text: string | Uint8Array<ArrayBuffer>) => new File([text], 'x.csv');
const lineOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).not.toContain('\n');
  return error.message;
};

describe('a class', () => {
  test.each([
    'Pupil,Question,Correct,Answer\nAnn,1+1?,2,3\n',
    'student name,question_text,Correct Answer,Wrong-Answer\nAnn,1+1?,2,3\n',
    'QUESTION,RESPONSE,KEY,Name\n1+1?,3,2,Ann\n',
  ])('plain columns by many names: %s', async (text) => {
    expect(await readClass(csv(text))).toEqual([
      {
        line: 2,
        label: 'Ann',
        question: { question: '1+1?', correct: '2', incorrect: '3', construct: undefined, subject: undefined },
      },
    ]);
  });

  test('right and blank answers are left out, lines count, texts stay as they are', async () => {
    const text =
      '\uFEFFquestion,correct,answer,construct,subject\r\n"a\nb", 2,2 ,c,s\r\nq,2,,c,s\r\n"=1+1 <b>","2","3",,Number\r\n';
    expect(await readClass(csv(text))).toEqual([
      {
        line: 5,
        label: 'line 5',
        question: { question: '=1+1 <b>', correct: '2', incorrect: '3', construct: undefined, subject: 'Number' },
      },
    ]);
  });

  const EEDI =
    'QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText';

  test('Eedi’s columns give every wrong option, or the one that each pupil chose', async () => {
    const plain = await readClass(csv(`${EEDI}\n7,c,s,B,q,a,b,,d\n`));
    expect(plain.map(({ label, question }) => [label, question.incorrect])).toEqual([
      ['7 A', 'a'],
      ['7 D', 'd'],
    ]);
    const chosen = await readClass(
      csv(`${EEDI},Pupil,AnswerValue\n7,c,s,B,q,a,b,c,d,Ann,C\n7,c,s,B,q,a,b,c,d,Ben,B\n`),
    );
    expect(chosen).toEqual([
      {
        line: 2,
        label: 'Ann',
        question: { question: 'q', correct: 'b', incorrect: 'c', construct: 'c', subject: 's' },
      },
    ]);
    expect(await lineOf(readClass(csv(`${EEDI},Answer\n7,c,s,B,q,a,b,c,d,E\n`)))).toMatch(
      /x\.csv:2:Answer: 'E' is not/,
    );
  });

  test('the sample’s own questions', async () => {
    const text = readFileSync('data/sample/train.csv', 'utf8');
    expect((await readClass(csv(text))).length).toBeGreaterThan(189);
  });

  test.each([
    ['', /empty, a header row/],
    ['question,answer\nq,3\n', /x\.csv:1: no column correct \(also understood: correctanswer,/],
    ['a,a\n1,2\n', /the column a appears twice/],
    ['question,correct,answer\nq,2\n', /x\.csv:2:correct: 2 cells, the header has 3/],
    ['question,correct,answer\n"q,2,3\n', /never closed/],
    ['question,correct,answer\n,2,3\n', /x\.csv:2:question: blank/],
    ['question,correct,answer\nq,2,2\n', /no wrong answers/],
    [new Uint8Array([0x71, 0x0a, 0xff, 0xfe]), /x\.csv:2: byte 2 is not UTF-8/],
    [`${EEDI}\nx,c,s,B,q,a,b,c,d\n`, /x\.csv:2:QuestionId: 'x' is not a whole number/],
  ])('hostile: %s', async (text, says) => {
    expect(await lineOf(readClass(csv(text as string)))).toMatch(says);
  });

  test('columns named like an object’s insides are columns', async () => {
    const text = '__proto__,constructor,question,correct,answer\nx,y,q,2,3\n';
    expect(await readClass(csv(text))).toHaveLength(1);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('a file beyond any school is not read', async () => {
    const huge = {
      name: 'x.csv',
      size: 2 ** 40,
      arrayBuffer: () => Promise.reject(new Error('read')),
    } as unknown as File;
    expect(await lineOf(readClass(huge))).toMatch(/at most 67108864 is read/);
  });
});

describe('a taxonomy', () => {
  test('Eedi’s columns, others’ names, and no ids', async () => {
    const expected = [
      { id: 3, name: 'a' },
      { id: 1, name: 'b, c' },
    ];
    for (const header of ['MisconceptionId,MisconceptionName', 'id,misconception', 'Number,Name'])
      expect(await readTaxonomyCsv(csv(`${header}\n3,a\n1,"b, c"\n`))).toEqual(expected);
    expect(await readTaxonomyCsv(csv('Misconception\na\nb\n'))).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ]);
  });

  test.each([
    ['x,y\n1,2\n', /no column name \(also understood: misconception/],
    ['id,name\n1,a\n1,b\n', /x\.csv:3:id: the id 1 is already that of line 2/],
    ['id,name\n1, \n', /x\.csv:2:name: blank/],
    ['id,name\nx,a\n', /x\.csv:2:id: 'x' is not a whole number/],
    ['id,name\n', /no misconceptions/],
  ])('hostile: %s', async (text, says) => {
    expect(await lineOf(readTaxonomyCsv(csv(text)))).toMatch(says);
  });
});

describe('labelled questions', () => {
  const head =
    'QuestionId,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,MisconceptionBId\n';
  const rows = [
    { id: 4, name: 'b' },
    { id: 9, name: 'a' },
  ];

  test('each labelled wrong option with its misconception', async () => {
    const answers = await readLabelledCsv(csv(`${head}1,A,1+1?,2,3,4,5,9\n2,A,2+2?,4,5,6,7,\n`), rows);
    expect(answers).toEqual([
      { question: { question: '1+1?', correct: '2', incorrect: '3' }, misconception: { id: 9, name: 'a' } },
    ]);
  });

  test('hostile: a label of another taxonomy, none at all, other columns, too many', async () => {
    const says = (text: string) => lineOf(readLabelledCsv(csv(text), rows));
    expect(await says(`${head}1,A,1+1?,2,3,4,5,8\n`)).toMatch(/x\.csv:2:MisconceptionBId: 8 is not an id/);
    expect(await says(`${head}1,A,1+1?,2,3,4,5,\n`)).toMatch(/no wrong option has a label/);
    expect(await says('question,answer\n1+1?,3\n')).toMatch(/x\.csv:1/);
    const many = Array.from({ length: 10_001 }, (_, i) => `${i},A,1+1?,2,3,4,5,9\n`);
    expect(await says(head + many.join(''))).toMatch(/10001 labelled options, and at most 10000/);
  });
});
