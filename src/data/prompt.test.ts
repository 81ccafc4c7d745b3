import { expect, test } from 'vitest';
import { passageText, plainText, queryText } from './prompt.ts';

const TASK =
  'Given a math problem statement and an incorrect answer as a query, retrieve relevant passages that identify and explain the nature of the error.';
const parts = { question: 'What is \\(1/2\\)?\n', correct: '0.5', incorrect: ' 0.2' };

test('all parts, tags with one space on both sides', () => {
  expect(queryText({ ...parts, construct: 'Halves', subject: 'Fractions', rationale: 'Guess.' })).toBe(
    `Instruct: ${TASK}\nQuery:  <Question> What is \\(1/2\\)?\n <Correct Answer> 0.5 <Incorrect Answer>  0.2 <Construct> Halves <Subject> Fractions <LLMOutput> Guess.`,
  );
});

test('absent and empty parts go with their tag', () => {
  expect(queryText({ ...parts, construct: '', subject: 'Fractions' })).toBe(
    `Instruct: ${TASK}\nQuery:  <Question> What is \\(1/2\\)?\n <Correct Answer> 0.5 <Incorrect Answer>  0.2 <Subject> Fractions`,
  );
});

test('passages are bare names, plain texts are bare words', () => {
  expect(passageText('Adds the denominators ')).toBe('Adds the denominators ');
  expect(plainText({ ...parts, construct: 'Halves', rationale: 'Guess.' })).toBe(
    'Halves What is \\(1/2\\)?\n 0.5  0.2',
  );
});
