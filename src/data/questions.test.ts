import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { formatCsv } from './csv.ts';
import { makeFolds, parseFolds } from './folds.ts';
import { parseQuestions, pivot, type QuestionsOptions, seenElsewhere } from './questions.ts';
import { parseRationales } from './rationales.ts';
import { parseTaxonomy } from './taxonomy.ts';

const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no error';
};

type Cells = Record<string, string>;

const QUESTION: Cells = {
  QuestionId: '7',
  ConstructId: '856',
  ConstructName: 'Add fractions',
  SubjectId: '33',
  SubjectName: 'Fractions',
  CorrectAnswer: 'B',
  QuestionText: 'What is\n"1/2 + 1/3"?',
  AnswerAText: '2/5',
  AnswerBText: '5/6',
  AnswerCText: '1/6',
  AnswerDText: '2/6',
  MisconceptionAId: '3.0',
  MisconceptionBId: '',
  MisconceptionCId: '',
  MisconceptionDId: '5',
};

const csv = (...changes: Cells[]): string => {
  const rows = changes.map((change) => ({ ...QUESTION, ...change }));
  const columns = Object.keys(rows[0]);
  return formatCsv(
    columns,
    rows.map((row) => columns.map((name) => (row as Cells)[name])),
  );
};

const without = (...names: string[]): string => {
  const columns = Object.keys(QUESTION).filter((name) => !names.includes(name));
  return formatCsv(columns, [columns.map((name) => QUESTION[name])]);
};

const taxonomy = { ids: [3, 5], names: ['x', 'y'] };
const train: QuestionsOptions = { labels: 'required', taxonomy };

describe('parseQuestions', () => {
  test('reads every column, texts as they stand', () => {
    expect(parseQuestions(csv({ extra: 'ignored', AnswerCText: ' 1/6 ' }), 'q.csv', train)).toEqual([
      {
        questionId: 7,
        constructId: 856,
        construct: 'Add fractions',
        subjectId: 33,
        subject: 'Fractions',
        correct: 'B',
        text: 'What is\n"1/2 + 1/3"?',
        answers: { A: '2/5', B: '5/6', C: ' 1/6 ', D: '2/6' },
        labels: { A: 3, D: 5 },
        line: 2,
      },
    ]);
  });

  test('questions to be ranked need neither labels nor construct nor subject', () => {
    const text = without(
      'ConstructId',
      'ConstructName',
      'SubjectId',
      'SubjectName',
      'MisconceptionAId',
      'MisconceptionBId',
      'MisconceptionCId',
      'MisconceptionDId',
    );
    const [question] = parseQuestions(text, 'q.csv', { labels: 'optional' });
    expect(question.construct).toBe(undefined);
    expect(question.labels).toEqual({});
    expect(message(() => parseQuestions(text, 'q.csv', train))).toContain(
      'q.csv:1: missing columns ConstructName, SubjectName, MisconceptionAId',
    );
  });

  test('a text of 100,000 characters', () => {
    const long = 'x'.repeat(100_000);
    expect(parseQuestions(csv({ QuestionText: long }), 'q.csv', train)[0].text).toBe(long);
  });

  test.each([
    [{ CorrectAnswer: 'E' }, "q.csv:2:CorrectAnswer: 'E' is not A, B, C or D"],
    [{ CorrectAnswer: '' }, "q.csv:2:CorrectAnswer: '' is not A, B, C or D"],
    [{ QuestionId: '' }, 'q.csv:2:QuestionId: blank, a whole number is expected'],
    [{ QuestionId: 'NaN' }, "q.csv:2:QuestionId: 'NaN' is not a whole number of 0 or more"],
    [{ SubjectId: 'x' }, "q.csv:2:SubjectId: 'x' is not a whole number of 0 or more"],
    [{ QuestionText: ' \n' }, 'q.csv:2:QuestionText: blank, a text is expected'],
    [{ AnswerBText: '' }, 'q.csv:2:AnswerBText: blank, a text is expected'],
    [{ AnswerAText: '' }, 'q.csv:2:MisconceptionAId: A has a label and no text in AnswerAText'],
    [{ MisconceptionAId: '4' }, 'q.csv:2:MisconceptionAId: 4 is not an id of the taxonomy'],
    [{ MisconceptionAId: '3.5' }, "q.csv:2:MisconceptionAId: '3.5' is not a whole number of 0 or more"],
    [{ MisconceptionBId: '3' }, 'q.csv:2:MisconceptionBId: B is the correct answer and has a label'],
  ])('%j is refused', (change, expected) => {
    expect(message(() => parseQuestions(csv(change as unknown as Cells), 'q.csv', train))).toBe(expected);
  });

  test('a repeated id is refused with both lines', () => {
    // Each question text holds a newline.
    expect(message(() => parseQuestions(csv({}, { QuestionId: '7.0' }), 'q.csv', train))).toBe(
      'q.csv:4:QuestionId: the question 7 is already on line 2',
    );
  });

  test('a header alone, and nothing at all', () => {
    const header = csv({}).split('\n')[0];
    expect(message(() => parseQuestions(header, 'q.csv', train))).toBe('q.csv: no questions, only a header row');
    expect(message(() => parseQuestions('', 'q.csv', train))).toBe('q.csv: empty, a header row is expected');
  });
});

describe('pivot', () => {
  test('labelled wrong options, all A first; every wrong option with a text where a question has no labels', () => {
    const questions = parseQuestions(
      csv({ QuestionId: '1' }, { QuestionId: '2', MisconceptionAId: '', MisconceptionDId: '', AnswerCText: ' ' }),
      'q.csv',
      train,
    );
    expect(pivot(questions).map(({ questionId, answer, label }) => [questionId, answer, label])).toEqual([
      [1, 'A', 3],
      [2, 'A', undefined],
      [1, 'D', 5],
      [2, 'D', undefined],
    ]);
  });
});

test('seenElsewhere asks for a positive in another fold', () => {
  const [question] = parseQuestions(csv({}), 'q.csv', train);
  const pairs = [
    [3, 0],
    [3, 1],
    [5, 1],
    [5, 1],
  ].map(([label, fold], i) => ({ questionId: i, answer: 'A' as const, label, fold, question }));
  expect(pairs.map(seenElsewhere(pairs))).toEqual([true, true, false, false]);
});

describe('parseTaxonomy', () => {
  test('ids in any order, names untrimmed, other columns ignored', () => {
    expect(parseTaxonomy('MisconceptionName,x,MisconceptionId\n"a, ",1,9\nb,2,4.0\n', 't.csv')).toEqual({
      ids: [9, 4],
      names: ['a, ', 'b'],
    });
  });

  test.each([
    ['MisconceptionId\n1\n', 't.csv:1: missing column MisconceptionName (there are: MisconceptionId)'],
    ['MisconceptionId,MisconceptionName\n', 't.csv: no misconceptions, only a header row'],
    [
      'MisconceptionId,MisconceptionName\n1,a\n2,b\n1,c\n',
      't.csv:4:MisconceptionId: the id 1 is already that of line 2',
    ],
    ['MisconceptionId,MisconceptionName\n1, \n', 't.csv:2:MisconceptionName: blank, a name is expected'],
    ['MisconceptionId,MisconceptionName\nNaN,a\n', "t.csv:2:MisconceptionId: 'NaN' is not a whole number of 0 or more"],
  ])('%j is refused', (text, expected) => {
    expect(message(() => parseTaxonomy(text, 't.csv'))).toBe(expected);
  });
});

describe('folds', () => {
  test('parseFolds', () => {
    expect([...parseFolds('QuestionId,fold\n4,1\n2,0\n', 'f.csv')]).toEqual([
      [4, 1],
      [2, 0],
    ]);
    expect(message(() => parseFolds('QuestionId,fold\n4,1\n4,0\n', 'f.csv'))).toBe(
      'f.csv:3:QuestionId: the question 4 appears twice',
    );
    expect(message(() => parseFolds('QuestionId,fold\n4,\n', 'f.csv'))).toBe(
      'f.csv:2:fold: blank, a whole number is expected',
    );
  });

  test('makeFolds deals questions evenly, by the seed and not by their order', () => {
    const ids = Array.from({ length: 103 }, (_, i) => i * 3);
    const folds = makeFolds(ids);
    const sizes = [0, 1, 2, 3, 4].map((fold) => [...folds.values()].filter((f) => f === fold).length);
    expect(sizes).toEqual([21, 21, 21, 20, 20]);
    const reversed = makeFolds([...ids].reverse());
    expect(ids.map((id) => reversed.get(id))).toEqual(ids.map((id) => folds.get(id)));
    const other = makeFolds(ids, { seed: 2 });
    expect(ids.some((id) => other.get(id) !== folds.get(id))).toBe(true);
  });
});

test('parseRationales', () => {
  const head = 'QuestionId,Answer,Rationale\n';
  expect([...parseRationales(`${head}1,A,"because\nso"\n2,B,\n`, 'r.csv')]).toEqual([['1 A', 'because\nso']]);
  expect(message(() => parseRationales(`${head}1,a,x\n`, 'r.csv'))).toBe("r.csv:2:Answer: 'a' is not A, B, C or D");
  expect(message(() => parseRationales(`${head}1,A,x\n1,A,y\n`, 'r.csv'))).toBe(
    'r.csv:3:Answer: question 1 A appears twice',
  );
});
